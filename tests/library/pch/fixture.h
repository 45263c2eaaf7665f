// What all tests of the library include.
#include "tests/library/fixture.h"
