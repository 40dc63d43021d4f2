import abc
import os
import sys

x = 1

# end


class A(abc.ABC):
    pass
