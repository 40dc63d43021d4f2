import a
import bb
import b
import c
