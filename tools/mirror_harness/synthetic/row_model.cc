#include "tools/mirror_harness/synthetic/row_model.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/str_cat.h"

namespace mirror::harness {
namespace {

struct BenchColumn {
  const char* name;
  Type type;
  std::uint32_t length;
  std::uint32_t bytes;  ///< Average bytes of the text: 24 + 16 + 26 + 14 + 28 + 17 + 19 = 144.
  int trade;
};

constexpr std::array<BenchColumn, 11> kBehindKey = {{{"owner_id", Type::kInt32, 0, 0, 0},
                                                     {"category", Type::kInt32, 0, 0, 0},
                                                     {"business", Type::kInt32, 0, 0, 0},
                                                     {"credit", Type::kDouble, 0, 0, 0},
                                                     {"name", Type::kText, 100, 24, 1},
                                                     {"department", Type::kText, 50, 16, 0},
                                                     {"street", Type::kText, 100, 26, 0},
                                                     {"city", Type::kText, 50, 14, 0},
                                                     {"email", Type::kText, 100, 28, -1},
                                                     {"phone", Type::kText, 40, 17, 0},
                                                     {"registered", Type::kText, 19, 19, 0}}};

/// Number of low bits of the key number that the last column of a composite key shows. The first column shows
/// the other bits; columns between them show nothing.
constexpr std::uint32_t kLowBits = 4;
constexpr std::int64_t kKeyMax = std::int64_t{1} << 47;

void Append(const Cell& cell, ColumnBuffer* buffer) {
  switch (cell.kind) {
    case Cell::Kind::kNull:
      return buffer->AppendNull();
    case Cell::Kind::kInt:
      return buffer->AppendInt(cell.integer);
    case Cell::Kind::kDouble:
      return buffer->AppendDouble(cell.real);
    case Cell::Kind::kBytes:
      return buffer->AppendBytes(cell.bytes);
  }
}

}  // namespace

TableRecipe BenchTable(std::uint32_t number, std::uint32_t columns) {
  TableRecipe table;
  table.schema.name = absl::StrCat("contact_", number);
  Column key;
  key.name = "contact_id";
  key.type = Type::kInt64;
  key.key_position = 1;
  table.schema.columns.push_back(key);
  for (std::uint32_t i = 1; i < columns; ++i) {
    const BenchColumn& made_of = kBehindKey[(i - 1) % kBehindKey.size()];
    const std::uint32_t round = (i - 1) / static_cast<std::uint32_t>(kBehindKey.size());
    Column column;
    column.name = round == 0 ? made_of.name : absl::StrCat(made_of.name, "_", round + 1);
    column.type = made_of.type;
    column.length = made_of.length;
    column.nullable = true;
    table.schema.columns.push_back(column);
  }
  for (std::uint32_t i = 0; i < columns; ++i) {
    Recipe recipe = RecipeFor(table.schema.columns[i], i);
    recipe.odd_at_first = false;
    if (i > 0) {
      const BenchColumn& made_of = kBehindKey[(i - 1) % kBehindKey.size()];
      recipe.bytes_min = recipe.bytes_max = made_of.bytes;
      recipe.trade = made_of.trade;
      recipe.date_text = std::string(made_of.name) == "registered";
    }
    table.columns.push_back(recipe);
  }
  return table;
}

absl::StatusOr<RowModel> RowModel::Make(TableRecipe table, std::uint64_t table_seed, std::uint64_t rows) {
  RowModel model(std::move(table), table_seed, rows);
  const TableSchema& schema = model.schema();
  const std::vector<std::uint32_t> key = schema.Key();
  model.has_key_ = !key.empty();
  model.key_max_ = kKeyMax;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const Column& column = schema.columns[key[i]];
    const bool only = key.size() == 1, first = i == 0, last = i + 1 == key.size();
    const std::uint32_t shift = only || last ? 0 : kLowBits;
    const std::uint64_t low = std::min<std::uint64_t>(KeyPartMax(column), (1U << kLowBits) - 1);
    const std::uint64_t mask = only || first ? ~std::uint64_t{0} : last ? low : 0;
    if (!only && last && low != (1U << kLowBits) - 1) {
      return absl::InvalidArgumentError(absl::StrCat("table '", schema.name, "': key column '", column.name,
                                                     "' is too narrow to end a composite key"));
    }
    const absl::Status made = MakeKey(column, shift, mask, &model.table_.columns[key[i]]);
    if (!made.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("table '", schema.name, "': ", std::string(made.message())));
    }
    if (first) {
      const std::uint64_t part = std::min<std::uint64_t>(KeyPartMax(column), kKeyMax);
      model.key_max_ =
          std::min<std::int64_t>(kKeyMax, static_cast<std::int64_t>(only ? part : part << kLowBits));
    }
  }
  if (rows > static_cast<std::uint64_t>(model.key_max_)) {
    return absl::InvalidArgumentError(absl::StrCat("table '", schema.name, "': its key holds ",
                                                   model.key_max_, " different rows at most, but --rows is ",
                                                   rows));
  }
  return model;
}

double RowModel::MeanBytes(const std::vector<std::uint32_t>& columns) const {
  double bytes = 0;
  for (const std::uint32_t column : columns) bytes += table_.columns[column].MeanBytes();
  return bytes;
}

bool RowModel::Has(std::int64_t key) const {
  if (dense_) return key >= 1 && static_cast<std::uint64_t>(key) <= dense_rows_;
  return slots_.contains(key);
}

void RowModel::LayOut() {
  if (!dense_) return;
  dense_ = false;
  slots_.reserve(dense_rows_ + dense_rows_ / 8);
  for (std::uint64_t i = 0; i < dense_rows_; ++i) {
    keys_.push_back(static_cast<std::int64_t>(i) + 1);
    slots_.emplace(keys_.back(), static_cast<std::uint32_t>(i));
  }
  versions_.assign(dense_rows_ * table_.columns.size(), 0);
}

void RowModel::Put(std::int64_t key, const std::vector<std::uint32_t>& columns, std::uint32_t version) {
  LayOut();
  const auto [found, added] = slots_.emplace(key, static_cast<std::uint32_t>(keys_.size()));
  if (added) {
    keys_.push_back(key);
    versions_.resize(versions_.size() + table_.columns.size(), version);
  }
  std::uint32_t* row = versions_.data() + found->second * table_.columns.size();
  for (const std::uint32_t column : columns) row[column] = version;
}

void RowModel::Erase(std::int64_t key) {
  LayOut();
  const auto found = slots_.find(key);
  if (found == slots_.end()) return;
  const std::size_t width = table_.columns.size();
  const std::uint32_t slot = found->second;
  slots_.erase(found);
  if (slot + 1 != keys_.size()) {  // Moves the last row into the gap.
    keys_[slot] = keys_.back();
    slots_[keys_[slot]] = slot;
    std::copy_n(versions_.end() - static_cast<std::ptrdiff_t>(width), width,
                versions_.begin() + static_cast<std::ptrdiff_t>(slot * width));
  }
  keys_.pop_back();
  versions_.resize(versions_.size() - width);
}

std::int64_t RowModel::Pick(std::uint64_t random) const {
  const std::uint64_t i = random % rows();
  return dense_ ? static_cast<std::int64_t>(i) + 1 : keys_[i];
}

void RowModel::SortKeys() {
  sorted_ = keys_;
  std::sort(sorted_.begin(), sorted_.end());
}

RowSet RowModel::All() const {
  if (dense_) return {1, static_cast<std::int64_t>(dense_rows_) + 1, {}};
  return {0, 0, sorted_};
}

Cell RowModel::At(std::int64_t key, std::uint32_t column, std::string* scratch) const {
  const std::uint32_t version = dense_ ? 0 : versions_[slots_.at(key) * table_.columns.size() + column];
  return MakeCell(table_.columns[column], RowSeed(table_seed_, key), key, version, scratch);
}

void RowModel::Fill(const RowSet& set, std::size_t from, std::size_t to, RowBlock* block) const {
  thread_local std::vector<std::uint64_t> seeds;
  thread_local std::vector<const std::uint32_t*> versions;
  thread_local std::string scratch;
  static constexpr std::uint32_t kNone = 0;
  const std::size_t width = table_.columns.size();
  seeds.clear();
  versions.clear();
  for (std::size_t i = from; i < to; ++i) {
    seeds.push_back(RowSeed(table_seed_, set[i]));
    if (dense_) continue;
    // A deleted row has no slot, but still its key, which does not depend on versions.
    const auto slot = slots_.find(set[i]);
    versions.push_back(slot == slots_.end() ? nullptr : versions_.data() + slot->second * width);
  }
  for (ColumnBuffer& buffer : block->columns) {
    const Recipe& recipe = table_.columns[buffer.column()];
    for (std::size_t i = from; i < to; ++i) {
      const std::uint32_t* row = dense_ ? nullptr : versions[i - from];
      const std::uint32_t version = row == nullptr ? kNone : row[recipe.column];
      Append(MakeCell(recipe, seeds[i - from], set[i], version, &scratch), &buffer);
    }
  }
}

}  // namespace mirror::harness
