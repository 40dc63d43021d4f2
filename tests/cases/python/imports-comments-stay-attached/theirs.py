import a
# for c
import c
