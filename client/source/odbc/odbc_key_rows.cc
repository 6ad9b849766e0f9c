#include "client/source/odbc/odbc_rows.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/odbc/failure.h"
#include "client/source/odbc/odbc_conditions.h"

namespace mirror {
namespace {

/// Of one statement: databases bound how many parameters, and how deep conditions, may be.
constexpr std::size_t kSingleKeysAtOnce = 500;
constexpr std::size_t kKeysAtOnce = 100;

/// Rows of keys, and of those that the source takes for equal to them.
class OdbcRowsOfKeys : public ValueRows {
 public:
  OdbcRowsOfKeys(std::shared_ptr<const OdbcLook> look, std::shared_ptr<const KnownOdbcTable> known,
                 std::vector<std::uint32_t> columns, WantedKeys keys)
      : look_(std::move(look)),
        known_(std::move(known)),
        key_(known_->schema.Key()),
        read_(std::move(columns)),
        keys_(std::move(keys)) {}

  absl::StatusOr<bool> Next() override {
    for (;;) {
      if (!rows_) {
        if (to_ == keys_->size()) return false;
        from_ = to_;
        to_ = std::min(keys_->size(), from_ + (key_.size() == 1 ? kSingleKeysAtOnce : kKeysAtOnce));
        Ask(/*by_text=*/false);
      }
      absl::StatusOr<bool> more = rows_->Next();
      // A key that the mirror has need not be one that the source can have: a label of an enum that was
      // renamed.
      const bool is_none = odbc::TroubleOf(more.status()) == odbc::Trouble::kValue;
      if (is_none && !by_text_) {
        // Those that were found already are given again.
        Ask(/*by_text=*/true);
        more = rows_->Next();
      }
      if (!more.ok() || *more) return more;
      rows_.reset();
    }
  }
  const std::vector<Value>& values() const override { return rows_->values(); }

 private:
  /// For the keys from `from_` to `to_`. `by_text`: whatever text a key has, it is compared with that of the
  /// row's.
  void Ask(bool by_text) {
    by_text_ = by_text;
    OdbcAsk ask{read_};
    static const std::string kText = "?";
    std::vector<std::string> ways;
    for (std::size_t k = from_; k < to_; ++k) {
      std::vector<std::string> terms;
      for (std::size_t i = 0; i < key_.size(); ++i) {
        const OdbcColumn& column = known_->table.columns[key_[i]];
        const bool as_text = by_text && known_->FormOf(key_[i]) == OdbcForm::kText;
        const bool is_wide = known_->IsWide(key_[i]);
        const std::string& name = as_text ? column.wide_value : is_wide ? column.wide_name : column.name;
        const std::string& place = as_text ? kText : is_wide ? column.wide_place : column.place;
        ask.parameters.push_back(OdbcKeyParameter(column, known_->schema.columns[key_[i]], (*keys_)[k][i]));
        terms.push_back(key_.size() == 1 ? place : absl::StrCat(name, " = ", place));
        if (key_.size() == 1) one_name_ = name;
      }
      ways.push_back(key_.size() == 1 ? terms.front()
                                      : absl::StrCat("(", absl::StrJoin(terms, " AND "), ")"));
    }
    ask.where = key_.size() == 1 ? absl::StrCat(one_name_, " IN (", absl::StrJoin(ways, ", "), ")")
                                 : absl::StrJoin(ways, " OR ");
    // As many rows as there are keys, and those that the source takes for equal to them.
    ask.rows_max = kNoPages;
    rows_.reset();
    rows_.emplace(look_, known_, std::move(ask));
  }

  /// A statement for some keys is not read page by page.
  static constexpr std::size_t kNoPages = 1'000'000;

  const std::shared_ptr<const OdbcLook> look_;
  const std::shared_ptr<const KnownOdbcTable> known_;
  const std::vector<std::uint32_t> key_, read_;
  const WantedKeys keys_;
  std::optional<OdbcSourceRows> rows_;
  std::size_t from_ = 0, to_ = 0;  ///< The keys that the present statement asks for.
  std::string one_name_;
  bool by_text_ = false;
};

}  // namespace

std::unique_ptr<ValueRows> RowsOfOdbcKeys(std::shared_ptr<const OdbcLook> look,
                                          std::shared_ptr<const KnownOdbcTable> known,
                                          std::vector<std::uint32_t> read, WantedKeys keys) {
  return std::make_unique<OdbcRowsOfKeys>(std::move(look), std::move(known), std::move(read),
                                          std::move(keys));
}

}  // namespace mirror
