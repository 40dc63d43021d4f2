package a

import (
	"fmt"
	"os"

	"x/y"
)
