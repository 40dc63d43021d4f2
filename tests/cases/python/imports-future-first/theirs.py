import abc
import a
