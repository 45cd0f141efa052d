"""The stage that carries the cell through the beam."""

from ophyd import Component, Device

from devices.motor import GuardedMotor


class SampleStage(Device):
    """Three translations in micrometres and the rotation in degrees."""

    x = Component(GuardedMotor, "X", tolerance=1.0)
    y = Component(GuardedMotor, "Y", tolerance=1.0)
    z = Component(GuardedMotor, "Z", tolerance=1.0)
    rotation = Component(GuardedMotor, "R", tolerance=0.01)
