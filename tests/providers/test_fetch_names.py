"""Fetching a picture from the public internet, by name: what was checked is what is connected to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat import errors
from chat.errors import ProviderError
from providers.fetch import SafeFetch
from tests.providers.picture_hosts import (
    HOST,
    PUBLIC,
    Diverted,
    DivertedSocks,
    DivertedTunnel,
    Names,
    PictureHost,
    make_certificate,
    picture_host,
)
from tests.servers.model_images import tiny_png

PNG = tiny_png()
URL = f"https://{HOST}/pictures/1.png"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def host(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PictureHost]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with picture_host(certificate) as host:
        host.pictures.keep("/pictures/1.png", PNG)
        yield host


@pytest.fixture
async def proxy(host: PictureHost) -> AsyncIterator[Diverted]:
    async with DivertedSocks(host.port) as proxy:
        yield proxy


def through(proxy: Diverted, names: Names) -> SafeFetch:
    return SafeFetch("local", "https://models.example/v1", proxy.url, resolve=names)


async def refusal(fetching: SafeFetch, url: str = URL) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await fetching.picture(url)
    return raised.value


@pytest.mark.parametrize("kind", [DivertedSocks, DivertedTunnel])
async def test_the_proxy_is_given_the_checked_address_and_the_host_its_name(
    host: PictureHost, kind: type[Diverted]
) -> None:
    names = Names(**{HOST: [[PUBLIC]]})
    async with kind(host.port) as proxy:
        assert (await through(proxy, names).picture(URL)).data == PNG
    assert proxy.targets == [(PUBLIC, 443)]
    assert host.pictures.fetches[0].headers["Host"] == HOST


async def test_without_a_proxy_the_certificate_is_checked_by_name_as_well(host: PictureHost) -> None:
    base = f"https://localhost:{host.port}"
    assert (await SafeFetch("local", f"{base}/v1").picture(f"{base}/pictures/1.png")).data == PNG
    wrong = base.replace("localhost", "127.0.0.1")
    error = await refusal(SafeFetch("local", f"{wrong}/v1"), f"{wrong}/pictures/1.png")
    assert type(error) is errors.Unreachable
    assert "ertificate" in error.details


async def test_a_certificate_for_another_name_is_refused(proxy: Diverted) -> None:
    names = Names(**{"evil.example": [[PUBLIC]]})
    error = await refusal(through(proxy, names), "https://evil.example/pictures/1.png")
    assert type(error) is errors.Unreachable
    assert proxy.targets == [(PUBLIC, 443)]


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["10.0.0.1", "::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"]])
async def test_a_name_of_a_private_address_is_refused_and_nobody_is_connected_to(
    proxy: Diverted, answer: list[str]
) -> None:
    error = await refusal(through(proxy, Names(**{HOST: [answer]})))
    assert type(error) is errors.Garbled
    assert proxy.targets == []


async def test_of_mixed_answers_only_public_addresses_are_connected_to(proxy: Diverted) -> None:
    await through(proxy, Names(**{HOST: [["127.0.0.1", PUBLIC, "fd00::1"]]})).picture(URL)
    assert proxy.targets == [(PUBLIC, 443)]


async def test_a_name_that_changes_after_the_check_changes_nothing(proxy: Diverted) -> None:
    names = Names(**{HOST: [[PUBLIC], ["127.0.0.1"]]})
    assert (await through(proxy, names).picture(URL)).data == PNG
    assert (names.asked, proxy.targets) == ([HOST], [(PUBLIC, 443)])


async def test_each_redirect_is_looked_up_and_checked_anew(host: PictureHost, proxy: Diverted) -> None:
    names = Names(**{HOST: [[PUBLIC], ["127.0.0.1"]]})
    host.pictures.redirects["/pictures/1.png"] = "/pictures/2.png"
    assert type(await refusal(through(proxy, names))) is errors.Garbled
    assert proxy.targets == [(PUBLIC, 443)]


async def test_a_redirect_to_this_machine_is_refused_although_the_first_host_was_public(
    host: PictureHost, proxy: Diverted
) -> None:
    host.pictures.redirects["/pictures/1.png"] = f"https://127.0.0.1:{host.port}/pictures/2.png"
    assert "refused" in (await refusal(through(proxy, Names(**{HOST: [[PUBLIC]]})))).details
    assert len(host.pictures.fetches) == 1


async def test_where_the_first_address_is_dead_the_next_is_tried(host: PictureHost) -> None:
    other = "93.184.216.35"
    async with DivertedSocks(host.port, unreachable=[other]) as proxy:
        await through(proxy, Names(**{HOST: [[other, PUBLIC]]})).picture(URL)
    assert proxy.targets == [(other, 443), (PUBLIC, 443)]


@pytest.mark.parametrize("answers", [[], [[]]])
async def test_a_name_that_is_not_known_is_unreachable(proxy: Diverted, answers: list[list[str]]) -> None:
    assert type(await refusal(through(proxy, Names(**{HOST: answers})))) is errors.Unreachable
