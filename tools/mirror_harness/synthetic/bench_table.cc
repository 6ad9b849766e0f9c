#include "tools/mirror_harness/synthetic/bench_table.h"

#include <array>
#include <string>

#include "absl/strings/str_cat.h"

namespace mirror::harness {
namespace {

struct BenchColumn {
  const char* name;
  Type type;
  std::uint32_t length;
  std::uint32_t bytes;  ///< Of a text, on average; 24 + 16 + 26 + 14 + 28 + 17 + 19 = 144.
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

}  // namespace mirror::harness
