#include "server/store/postgres/tables/merge_sql.h"

#include <map>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/types.h"
#include "server/store/postgres/rows/columns_in.h"
#include "server/store/postgres/tables/kept_kinds.h"

namespace mirror {

MergeSql::MergeSql(const TableWork& work, const TableSchema& kept, const PostgresShadow& shadow)
    : kept_(kept),
      table_(work.In(kept.name)),
      shadow_(work.In(shadow.name)),
      noted_(absl::StrCat("pg_temp.", QuoteName(shadow.name))) {
  for (const Column& column : kept.columns) AddColumn(column.name, column);
  Column kinds;
  kinds.type = Type::kBytes;
  if (HasKinds(kept)) AddColumn(kKindsColumn, kinds);
  for (const std::uint32_t column : kept.Key()) {
    const std::string name = QuoteName(kept.columns[column].name);
    absl::StrAppend(&same_key_, same_key_.empty() ? "" : " AND ", "s.", name, " = t.", name);
    absl::StrAppend(&key_, key_.empty() ? "" : ", ", name);
  }
}

void MergeSql::AddColumn(const std::string& plain, const Column& column) {
  const std::string name = QuoteName(plain);
  absl::StrAppend(&names_, names_.empty() ? "" : ", ", name);
  absl::StrAppend(&values_, values_.empty() ? "" : ", ", "s.", name);
  if (column.key_position != 0) return;
  absl::StrAppend(&set_, set_.empty() ? "" : ", ", name, " = excluded.", name);
  const char* const cast = AsCompared(column);
  for (const auto& [list, alias] :
       std::map<std::string*, const char*>{{&old_, "t."}, {&new_, "s."}, {&excluded_, "excluded."}}) {
    absl::StrAppend(list, list->empty() ? "" : ", ", alias, name, cast);
  }
}

std::string MergeSql::Lacks(const std::string& same) const {
  if (same.empty()) return "true";
  return absl::StrCat("NOT EXISTS (SELECT 1 FROM ", shadow_, " AS s WHERE ", same, ")");
}

std::string MergeSql::Insert() const {
  return absl::StrCat("INSERT INTO ", table_, " (", names_, ") SELECT ", values_, " FROM ", shadow_, " AS s");
}

std::string MergeSql::AndMissing() const {
  return absl::StrCat("NOT EXISTS (SELECT 1 FROM ONLY ", table_, " AS t WHERE ", same_key_, ")");
}

std::string MergeSql::Absent() const {
  return absl::StrCat(" FROM ONLY ", table_, " AS t WHERE ", Lacks(same_key_), AndLive(kept_, "t"));
}

std::string MergeSql::DeleteAbsentAndChanged() const {
  return absl::StrCat(
      "DELETE FROM ONLY ", table_, " AS t WHERE ",
      Lacks(old_.empty() || same_key_.empty()
                ? same_key_
                : absl::StrCat(same_key_, " AND ROW(", new_, ") IS NOT DISTINCT FROM ROW(", old_, ")")));
}

std::string MergeSql::InsertMissing() const {
  return same_key_.empty() ? Insert() : absl::StrCat(Insert(), " WHERE ", AndMissing());
}

bool MergeSql::can_be_noted() const { return !same_key_.empty() && OwnColumns(kept_).empty(); }

std::string MergeSql::NoteDifferences() const {
  const std::string changed =
      old_.empty() ? "" : absl::StrCat(" OR ROW(", new_, ") IS DISTINCT FROM ROW(", old_, ")");
  return absl::StrCat("CREATE TEMPORARY TABLE ", noted_,
                      " ON COMMIT DROP AS SELECT t.ctid AS present, s.ctid AS coming FROM ONLY ", table_,
                      " AS t FULL JOIN ", shadow_, " AS s ON ", same_key_,
                      " WHERE t.ctid IS NULL OR s.ctid IS NULL", changed);
}

std::string MergeSql::CountNotedAbsent() const {
  return absl::StrCat("SELECT count(*) FROM ", noted_, " WHERE coming IS NULL");
}

std::string MergeSql::CountNoted() const {
  return absl::StrCat("SELECT count(present), count(coming) FROM ", noted_);
}

std::string MergeSql::DeleteNoted() const {
  return absl::StrCat("DELETE FROM ONLY ", table_, " AS t USING ", noted_, " AS n WHERE t.ctid = n.present");
}

std::string MergeSql::InsertNoted() const {
  return absl::StrCat(Insert(), " JOIN ", noted_, " AS n ON s.ctid = n.coming WHERE ", AndMissing());
}

std::string MergeSql::GiveUpAbsent() const {
  return absl::StrCat("UPDATE ONLY ", table_, " AS t SET ", kOwnedColumn, " = 0 WHERE ", Lacks(same_key_),
                      AndLive(kept_, "t"));
}

std::string MergeSql::Upsert() const {
  const std::string all = absl::StrCat("INSERT INTO ", table_, " AS t (", names_, OwnNames(kept_),
                                       ") SELECT ", values_, OwnValues(kept_), " FROM ", shadow_, " AS s");
  if (same_key_.empty()) return all;
  const auto and_own = [](const std::string& list, std::string_view own) {
    return absl::StrCat(list, list.empty() ? "" : ", ", std::string(own));
  };
  return absl::StrCat(all, " ON CONFLICT (", key_, ") DO UPDATE SET ", set_, Revive(kept_, set_),
                      " WHERE ROW(", and_own(old_, absl::StrCat("t.", kOwnedColumn)),
                      ") IS DISTINCT FROM ROW(", and_own(excluded_, "1"), ")");
}

}  // namespace mirror
