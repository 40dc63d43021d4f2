#include <a>
#include <b>
#include <d>
