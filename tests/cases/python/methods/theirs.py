class A:
    def a(self):
        pass

    def c(self):
        pass
