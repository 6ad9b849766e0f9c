#include "server/own_records/record.h"

namespace mirror {

void Fields::Own() {
  for (Field& value : values_) value.Own();
}

}  // namespace mirror
