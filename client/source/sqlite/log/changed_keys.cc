#include "client/source/sqlite/log/changed_keys.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {
namespace {

/// OR of masks; one that is NULL means all columns.
struct Mask {
  std::int64_t bits;
  int all;
};

void OrStep(sqlite3_context* context, int, sqlite3_value** values) {
  auto* mask = static_cast<Mask*>(sqlite3_aggregate_context(context, sizeof(Mask)));
  if (mask == nullptr) return;
  if (sqlite3_value_type(values[0]) == SQLITE_NULL) mask->all = 1;
  mask->bits |= sqlite3_value_int64(values[0]);
}

void OrFinal(sqlite3_context* context) {
  const auto* mask = static_cast<const Mask*>(sqlite3_aggregate_context(context, 0));
  if (mask == nullptr || mask->all != 0) return sqlite3_result_null(context);
  sqlite3_result_int64(context, mask->bits);
}

}  // namespace

ChangedKeys::~ChangedKeys() {
  (void)file_.Run("DROP TABLE IF EXISTS temp._mirror_raw; DROP TABLE IF EXISTS temp._mirror_net");
}

absl::Status ChangedKeys::Begin() {
  if (sqlite3_create_function_v2(file_.handle(), "mirror_or", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, nullptr,
                                 nullptr, &OrStep, &OrFinal, nullptr) != SQLITE_OK) {
    return absl::InternalError("mirror_or cannot be registered");
  }
  std::vector<std::string> names = LogKeyNames(key_.size()), values = names;
  for (std::size_t i = 0; i < MaskCount(); ++i) {
    names.push_back(absl::StrCat("m", i));
    // The triggers of those entries did not look at the columns that were added later.
    const char* const whole = log_.marks_ends ? "m0 IS NULL OR m0 < 0" : "m0 IS NULL";
    values.push_back(absl::StrCat("CASE WHEN ", whole, " THEN NULL WHEN seq <= ", log_.masks_after,
                                  " THEN coalesce(m", i, ", 0) | ", AddedBits(i), " ELSE m", i, " END"));
  }
  if (log_.marks_ends) {
    names.push_back("ended");
    values.push_back("coalesce(m0 < 0, 0)");
  }
  copy_ = absl::StrCat("INSERT INTO temp._mirror_raw SELECT ", absl::StrJoin(values, ", "), " FROM main.",
                       LogName(log_.id), " WHERE seq > ?1 AND seq <= ?2");
  return file_.Run(absl::StrCat("DROP TABLE IF EXISTS temp._mirror_raw; CREATE TEMP TABLE _mirror_raw (",
                                absl::StrJoin(names, ", "), ")"));
}

absl::StatusOr<std::int64_t> ChangedKeys::Copy(std::int64_t from, std::int64_t until) {
  if (absl::Status copied = file_.Query(copy_).With(from, until).Run(); !copied.ok()) {
    const bool has_long_key = (sqlite3_errcode(file_.handle()) & 0xff) == SQLITE_TOOBIG;
    return has_long_key ? absl::OutOfRangeError(copied.message()) : copied;
  }
  return sqlite3_changes64(file_.handle());
}

absl::Status ChangedKeys::Add(const std::vector<Key>& keys) {
  if (keys.empty()) return absl::OkStatus();
  std::vector<std::string> places;
  for (std::size_t i = 0; i < key_.size(); ++i) places.push_back(absl::StrCat("?", i + 1));
  places.insert(places.end(), MaskCount(), "NULL");
  if (log_.marks_ends) places.push_back("0");
  ASSIGN_OR_RETURN(
      sqlite::Statement insert,
      file_.Prepare(absl::StrCat("INSERT INTO temp._mirror_raw VALUES (", absl::StrJoin(places, ", "), ")")));
  insert.SetDoing("noting what is to be repaired");
  for (const Key& key : keys) {
    BindKey(insert, 1, key);
    RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

std::int64_t ChangedKeys::AddedBits(std::size_t mask) const {
  std::int64_t bits = 0;
  for (std::size_t i = mask * kMaskBits; i < std::min(log_.columns.size(), (mask + 1) * kMaskBits); ++i) {
    const auto& added = log_.added;
    if (std::find(added.begin(), added.end(), log_.columns[i]) == added.end()) continue;
    bits |= std::int64_t{1} << (i - mask * kMaskBits);
  }
  return bits;
}

absl::Status ChangedKeys::Group() {
  std::vector<std::string> keys, group, same;
  const bool typed = std::all_of(key_.begin(), key_.end(),
                                 [this](std::uint32_t column) { return log_.table.columns[column].typed; });
  for (std::size_t i = 0; i < key_.size(); ++i) {
    const std::string key = absl::StrCat("k", i);
    keys.push_back(key);
    group.push_back(key);
    if (typed) continue;
    group.push_back(absl::StrCat("typeof(", key, ")"));
  }
  // Only keys that are equal but for their type stand next to each other.
  for (std::size_t i = 0; !typed && i < key_.size(); ++i) {
    same.push_back(absl::StrCat("lag(k", i, ") OVER w IS k", i));
  }
  std::vector<std::string> or_masks;
  for (std::size_t i = 0; i < MaskCount(); ++i) {
    or_masks.push_back(absl::StrCat("mirror_or(m", i, ") AS m", i));
  }
  const std::string key_list = absl::StrJoin(keys, ", ");
  const std::string grouped = absl::StrCat("SELECT ", key_list, ", ", absl::StrJoin(or_masks, ", "),
                                           log_.marks_ends ? ", max(ended) AS ended" : ", 0 AS ended",
                                           same.empty() ? ", 0 AS same" : "",
                                           " FROM temp._mirror_raw GROUP BY ", absl::StrJoin(group, ", "));
  const std::string marked = same.empty()
                                 ? grouped
                                 : absl::StrCat("SELECT *, ", absl::StrJoin(same, " AND "), " AS same FROM (",
                                                grouped, ") WINDOW w AS (ORDER BY ", key_list, ")");
  RETURN_IF_ERROR(
      file_.Run(absl::StrCat("DROP TABLE IF EXISTS temp._mirror_net; CREATE TEMP TABLE _mirror_net AS ",
                             marked, " ORDER BY ", key_list, "; DROP TABLE temp._mirror_raw")));
  ASSIGN_OR_RETURN(rows_, file_.Number("SELECT coalesce(max(rowid), 0) FROM temp._mirror_net"));
  return absl::OkStatus();
}

absl::StatusOr<sqlite::Statement> ChangedKeys::Read() const {
  return file_.Prepare(absl::StrCat("SELECT * FROM ", kTable, " WHERE rowid >= ?1 ORDER BY rowid"));
}

}  // namespace mirror
