#include "client/source/postgres/postgres_rows.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "client/source/sqlite/file/sqlite_key.h"

namespace mirror {
namespace {

/// Rows of keys, and of those that PostgreSQL takes for equal to them.
class PostgresRowsOfKeys : public ValueRows {
 public:
  PostgresRowsOfKeys(std::shared_ptr<const PostgresLook> look,
                     std::shared_ptr<const KnownPostgresTable> known, std::vector<std::uint32_t> columns,
                     WantedKeys keys)
      : look_(std::move(look)),
        known_(std::move(known)),
        key_(known_->schema.Key()),
        read_(std::move(columns)),
        keys_(std::move(keys)) {
    Ask(/*by_text=*/false);
  }

  absl::StatusOr<bool> Next() override {
    absl::StatusOr<bool> more = rows_->Next();
    // A key that the mirror has need not be one that the source can have: a label of an enum that was
    // renamed.
    const bool is_none = postgres::TroubleOf(more.status()) == postgres::Trouble::kValue;
    if (!is_none || by_text_) return more;
    // Those that were found already are given again.
    Ask(/*by_text=*/true);
    return rows_->Next();
  }
  const std::vector<Value>& values() const override { return rows_->values(); }

 private:
  /// `by_text`: whatever text a key has, it is compared with that of the row's.
  void Ask(bool by_text) {
    by_text_ = by_text;
    std::vector<std::string> arrays, names, terms;
    std::vector<postgres::Array> values;
    for (std::size_t i = 0; i < key_.size(); ++i) {
      const PostgresColumn& column = known_->table.columns[key_[i]];
      const Column& announced = known_->schema.columns[key_[i]];
      const std::string part = absl::StrCat("k.k", i);
      names.push_back(absl::StrCat("k", i));
      arrays.push_back(absl::StrCat("$", i + 1, "::text[]"));
      const bool is_text = FormOf(column, announced) == PostgresValueForm::kText;
      terms.push_back(by_text && is_text
                          ? absl::StrCat("format('%s', t.", QuoteName(column.name), ") = ", part)
                          : absl::StrCat("t.", QuoteName(column.name), " ", OperatorOf(i), " ", part,
                                         "::", column.type_name));
      postgres::Array& texts = values.emplace_back(postgres::Type::kText);
      for (const Key& key : *keys_) texts.Add(TextOfKeyPart(announced, key[i]));
    }
    PostgresAsk ask{read_};
    ask.join =
        absl::StrCat("unnest(", absl::StrJoin(arrays, ", "), ") AS k(", absl::StrJoin(names, ", "), ") JOIN");
    ask.where = absl::StrJoin(terms, " AND ");
    rows_.emplace(look_, known_, std::move(ask));
    rows_->Bind(std::move(values));
  }

  /// As the key's own index has it, so that it leads there.
  std::string OperatorOf(std::size_t part) const {
    const std::vector<std::string>& operators = known_->table.key_operators;
    return part < operators.size() ? operators[part] : "=";
  }

  const std::shared_ptr<const PostgresLook> look_;
  const std::shared_ptr<const KnownPostgresTable> known_;
  const std::vector<std::uint32_t> key_, read_;
  const WantedKeys keys_;
  std::optional<PostgresSourceRows> rows_;
  bool by_text_ = false;
};

}  // namespace

std::unique_ptr<ValueRows> RowsOfPostgresKeys(std::shared_ptr<const PostgresLook> look,
                                              std::shared_ptr<const KnownPostgresTable> known,
                                              std::vector<std::uint32_t> read, WantedKeys keys) {
  return std::make_unique<PostgresRowsOfKeys>(std::move(look), std::move(known), std::move(read),
                                              std::move(keys));
}

}  // namespace mirror
