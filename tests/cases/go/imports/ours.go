package a

import (
	"fmt"
	"io"
	"os"

	"x/y"
)
