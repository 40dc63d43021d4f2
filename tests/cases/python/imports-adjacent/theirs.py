import os
import pickle
import re
import sys
x = 1
