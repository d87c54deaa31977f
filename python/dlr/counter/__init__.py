"""Here for programs that switch the usage reports of the original off. There are none in this package."""
