import json
import os
import sys

x = json.dumps(1)

# end
