#include "client/source/mariadb/log/group_print.h"

#include <xxhash.h>

#include <array>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mirror {

void GroupPrint::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

GroupPrint::GroupPrint() : state_(XXH3_createState()) { Begin(); }
GroupPrint::~GroupPrint() = default;

void GroupPrint::Begin() { XXH3_64bits_reset(state_.get()); }

void GroupPrint::Add(const binlog::Event& event) {
  // Without the flags, of which the server changes some when it sends it.
  std::array<char, 13> head{};
  std::memcpy(head.data(), &event.time_s, 4);
  std::memcpy(head.data() + 4, &event.server_id, 4);
  std::memcpy(head.data() + 8, &event.next_position, 4);
  head[12] = static_cast<char>(event.type);
  XXH3_64bits_update(state_.get(), head.data(), head.size());
  XXH3_64bits_update(state_.get(), event.body.data(), event.body.size());
}

std::string GroupPrint::Text() const {
  return absl::StrCat(absl::Hex(XXH3_64bits_digest(state_.get()), absl::kZeroPad16));
}

}  // namespace mirror
