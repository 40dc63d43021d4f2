import bb
import b
import c
