#include "proto/wire/key_range.h"

#include "proto/wire/batch.h"

namespace mirror {
namespace {

Value View(const KeyPart& value) {
  Value view;
  view.kind = value.kind;
  view.integer = value.integer;
  view.real = value.real;
  view.bytes = value.bytes;
  return view;
}

}  // namespace

std::weak_ordering operator<=>(const KeyPart& a, const KeyPart& b) {
  return CompareValues(View(a), View(b)) <=> 0;
}

}  // namespace mirror
