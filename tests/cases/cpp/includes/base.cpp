#include <a>
#include <d>
