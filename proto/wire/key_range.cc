#include "proto/wire/key_range.h"

#include "proto/wire/batch.h"

namespace mirror {
namespace {

Value View(const KeyPart& part) { return {part.kind, part.integer, part.real, part.bytes}; }

}  // namespace

std::weak_ordering operator<=>(const KeyPart& a, const KeyPart& b) {
  return CompareValues(View(a), View(b)) <=> 0;
}

}  // namespace mirror
