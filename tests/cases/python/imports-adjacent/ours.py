import os
import pathlib
import re
import sys
x = 1
