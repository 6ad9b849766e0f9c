#include "client/source/steps/value_turner.h"

#include <array>

#include "proto/wire/turned_value.h"

namespace mirror {

bool ValueTurner::Turn(const TableSteps::Turn& turn, const Value& value, std::string* text) {
  text->clear();
  if (turn.rule == Rule::kMasked) {
    AppendMask(value, turn.keep, text);
    return true;
  }
  std::array<char, 8> number{};
  const HashedForm form = FormToHash(value, &number);
  return hash_ && hash_->AppendHex(form.kind, form.bytes, text);
}

}  // namespace mirror
