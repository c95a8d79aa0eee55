// The password, where the playground asks for one.
import { at, errorText } from "/dom.js";
import { call } from "/net.js";

/** Show the form until the server lets us in. */
export function askPassword() {
  document.body.dataset.view = "login";
  at("login").hidden = false;
  at("password").focus();
  return new Promise(resolve => {
    at("login").onsubmit = async event => {
      event.preventDefault();
      if (await enter()) resolve();
    };
  });
}

async function enter() {
  const { status, data, retryAfter } = await call("POST", "/login", { password: at("password").value });
  const isIn = status === 200;
  complain(isIn ? "" : errorText(status ? data?.error : "unreachable", { seconds: retryAfter }));
  at("password").value = "";
  at("login").hidden = isIn;
  if (!isIn) at("password").focus();
  return isIn;
}

function complain(sentence) {
  at("login-notice").textContent = sentence;
  at("login-notice").hidden = !sentence;
  at("password").toggleAttribute("aria-invalid", Boolean(sentence));
}
