from __future__ import annotations
import abc
import a
