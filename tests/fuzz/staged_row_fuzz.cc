// Rows as the stage keeps them. Any texts and values are unpacked as they were packed; any bytes are what the
// packing makes of what is unpacked of them, or are refused.

#include "client/source/server/staged_row.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/input.h"

namespace mirror {
namespace {

constexpr std::size_t kTextsMax = 64;

void TakeBytes(std::string_view bytes) {
  const std::vector<std::string> texts = UnpackStagedKey(std::string(bytes));
  Require(texts.empty() || PackStagedKey(texts) == bytes);
  const std::optional<std::vector<StagedValue>> values = UnpackStagedValues(bytes);
  Require(!values || PackStagedValues(*values) == bytes);
  // Whatever it makes of damaged ones, it ends, and gives no more than there was.
  const std::string_view front = bytes.substr(0, bytes.size() / 2), back = bytes.substr(bytes.size() / 2);
  Require(MergeStagedValues(front, back).size() <= bytes.size());
  Require(MergeStagedValues(bytes, bytes).size() <= 2 * bytes.size());
}

void TakeKey(Input& input) {
  std::vector<std::string> texts(input.Choose(8));
  for (std::string& text : texts) text = input.Text();
  const StagedKey key = PackStagedKey(texts);
  Require(UnpackStagedKey(key) == texts);
  // Two keys are the same when their texts are.
  std::vector<std::string> other = texts;
  other.push_back(input.Text());
  Require(PackStagedKey(other) != key);
}

using Values = std::map<std::int64_t, SourceText>;

Values TakeValues(Input& input) {
  Values values;
  for (std::size_t i = 0; i < kTextsMax && input.Flag(); ++i) {
    const auto column = static_cast<std::int64_t>(input.Flag() ? input.Byte() : input.Number() >> 1);
    values[column] = input.Flag() ? SourceText(input.Text()) : std::nullopt;
  }
  return values;
}

std::vector<StagedValue> InOrder(const Values& values) {
  std::vector<StagedValue> list;
  for (const auto& [column, text] : values) list.push_back({column, text});
  return list;
}

void TakeMerge(Input& input) {
  const Values older = TakeValues(input);
  Values newer = TakeValues(input);
  const std::string packed_older = PackStagedValues(InOrder(older)),
                    packed_newer = PackStagedValues(InOrder(newer));
  Require(UnpackStagedValues(packed_older) == InOrder(older));
  const std::string merged = MergeStagedValues(packed_older, packed_newer);
  newer.insert(older.begin(), older.end());
  Require(UnpackStagedValues(merged) == InOrder(newer));
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mirror::TakeBytes(std::string_view(reinterpret_cast<const char*>(data), size));
  mirror::Input key(data, size), merge(data, size);
  mirror::TakeKey(key);
  mirror::TakeMerge(merge);
  return 0;
}
