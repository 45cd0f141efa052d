"""Keeps Channel Access of all tests on this machine and on ports of this session."""

import os

from tests.support import CA_ENVIRONMENT

os.environ.update(CA_ENVIRONMENT)
