#include "server/plan/hold_keys.h"

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"
#include "proto/wire/key_text.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

KeyPart PartOf(const Column& column, const Value& value) {
  if (HasTextForm(column.type) && value.kind != Kind::kNull) {
    return {.kind = Kind::kText, .bytes = TextForm(column, value.integer, value.bytes)};
  }
  return {.kind = value.kind,
          .integer = value.integer,
          .real = value.real,
          .bytes = std::string(value.bytes.substr(0, kHoldKeyBytesMax))};
}

}  // namespace

std::string HoldKeyText(const Key& key) {
  std::string text = KeyText(key);
  if (text.size() <= kHoldKeyBytesMax) return text;
  text.resize(CutUtf8(text, kHoldKeyBytesMax).size());
  return text + "…";
}

std::vector<std::string> DeletedKeys(const TableSchema& table, const ChangeBatch& batch) {
  std::vector<std::string> keys;
  if (batch.operation != Operation::kDelete) return keys;
  const std::vector<std::uint32_t> columns = table.Key();
  const std::size_t rows = std::min<std::size_t>(batch.row_count, kHoldKeysMax);
  for (std::uint32_t row = 0; row < rows && !columns.empty(); ++row) {
    // In the order of the key, even if the batch has another one.
    const std::uint32_t at = batch.key_order.empty() ? row : batch.key_order[row];
    Key key;
    for (const std::uint32_t column : columns) {
      const ColumnView* const view = batch.Find(column);
      if (view == nullptr) return {};
      key.push_back(PartOf(table.columns[column], view->At(at)));
    }
    keys.push_back(HoldKeyText(key));
  }
  return keys;
}

}  // namespace mirror
