import os
import pathlib
import pickle
import re
import sys
x = 1
