"""See the package: nothing is reported to anyone, whatever is called here."""


class PhoneHome:
    @staticmethod
    def enable_feature():
        pass

    @staticmethod
    def disable_feature():
        pass

    @staticmethod
    def is_enabled():
        return False
