#include "delta/delta.h"
