"""Promises that the code keeps, one folder for each package; fakes behave, and servers are real ones on loopback."""
