#include "tests/support/kept_tables.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

struct Setting {
  const char* table;
  bool preserve;
  Deletes deletes;
  const char* live;  ///< Which rows of the mirror are the source's.
  const char* gone;  ///< Which it kept though the source deleted them; empty: none.
};

constexpr Setting kSettings[] = {
    {"p_kept", true, Deletes::kApply, "_mirror_owned = 1", ""},
    {"p_ignored", false, Deletes::kIgnore, "_mirror_owned = 1", "_mirror_owned = 0"},
    {"p_marked", false, Deletes::kMark, "_mirror_deleted_at IS NULL", "_mirror_deleted_at > 1600000000000"},
    {"p_both", true, Deletes::kMark, "_mirror_owned = 1 AND _mirror_deleted_at IS NULL",
     "_mirror_owned = 1 AND _mirror_deleted_at > 1600000000000"},
};
constexpr char kPartners[] = "p_kept";
constexpr char kRuled[] = "p_ruled";

std::set<std::int64_t> Keys(const MirrorFile& file, const std::string& table, const std::string& which) {
  std::set<std::int64_t> keys;
  for (const std::string& row : file.Query(absl::StrCat("SELECT id FROM ", table, which))) {
    std::int64_t key = 0;
    if (absl::SimpleAtoi(row.substr(row.find(':') + 1), &key)) keys.insert(key);
  }
  return keys;
}

/// A few of those that are in `all` and not in `some`.
std::string Missing(const std::set<std::int64_t>& all, const std::set<std::int64_t>& some) {
  std::vector<std::int64_t> missing;
  std::set_difference(all.begin(), all.end(), some.begin(), some.end(), std::back_inserter(missing));
  std::string text;
  for (std::size_t i = 0; i < missing.size() && i < 5; ++i) absl::StrAppend(&text, " ", missing[i]);
  return text;
}

std::string Same(const std::string& what, const std::vector<std::string>& source,
                 const std::vector<std::string>& mirror) {
  if (source == mirror) return "";
  const auto [ours, theirs] = std::mismatch(source.begin(), source.end(), mirror.begin(), mirror.end());
  return absl::StrCat(what, ": ", ours == source.end() ? "no row" : *ours, " at the source, ",
                      theirs == mirror.end() ? "no row" : *theirs, " in the mirror\n");
}

/// Equal values have equal hashes, others have others, and NULL stays NULL.
std::string CheckHashes(const std::vector<std::string>& source, const std::vector<std::string>& mirror) {
  std::map<std::string, std::string> hash_of, value_of;
  for (std::size_t i = 0; i < std::min(source.size(), mirror.size()); ++i) {
    if ((source[i] == "null") != (mirror[i] == "null")) return "p_ruled: a hash of NULL, or none\n";
    if (source[i] == "null") continue;
    if (mirror[i].size() != std::string("text:").size() + 64) return "p_ruled: no hash: " + mirror[i] + "\n";
    if (hash_of.try_emplace(source[i], mirror[i]).first->second != mirror[i]) {
      return "p_ruled: two hashes of " + source[i] + "\n";
    }
    if (value_of.try_emplace(mirror[i], source[i]).first->second != source[i]) {
      return "p_ruled: one hash of two values, " + source[i] + "\n";
    }
  }
  return "";
}

std::string CheckRuled(const MirrorFile& source, const MirrorFile& mirror) {
  const auto both = [&](const std::string& columns) {
    const std::string sql = absl::StrCat("SELECT ", columns, " FROM ", kRuled, " ORDER BY id");
    return std::pair(source.Query(sql), mirror.Query(sql));
  };
  const auto [plain, mirrored] = both("id, name");
  std::string wrong = Same(kRuled, plain, mirrored);
  if (mirror.Columns(kRuled) != std::vector<std::string>{"id", "name", "secret", "iban"}) {
    absl::StrAppend(&wrong, "p_ruled: other columns than those that are not left out\n");
  }
  const auto [secrets, hashes] = both("secret");
  absl::StrAppend(&wrong, CheckHashes(secrets, hashes));
  const auto [whole, masked] = both("iban");
  for (std::size_t i = 0; i < std::min(whole.size(), masked.size()); ++i) {
    if (whole[i] == "null" ? masked[i] != "null" : !absl::StartsWith(masked[i], "text:****")) {
      absl::StrAppend(&wrong, "p_ruled: no mask: ", masked[i], " for ", whole[i], "\n");
      break;
    }
  }
  return wrong;
}

}  // namespace

std::string KeptTables::Definitions() {
  std::string sql = absl::StrCat("CREATE TABLE ", kRuled,
                                 "(id INTEGER PRIMARY KEY, name TEXT, secret TEXT, iban TEXT, note TEXT)");
  for (const Setting& setting : kSettings) {
    absl::StrAppend(&sql, "; CREATE TABLE ", setting.table, "(id INTEGER PRIMARY KEY, a TEXT, b)");
  }
  return sql;
}

std::string KeptTables::ServerRules(const std::string& contexts) {
  return absl::StrCat("[[tenant]]\ncontext_id = \"", contexts, "\"\n[[tenant.table]]\nname = \"", kRuled,
                      "\"\nleave_out = [\"note\"]\nhash = [\"secret\"]\nmask = [\"iban\"]\nmask_keep = 2\n");
}

void KeptTables::Configure(SourceConfig* source) {
  for (const Setting& setting : kSettings) {
    TableConfig& table = source->tables.emplace_back();
    table.name = setting.table;
    table.preserve_target = setting.preserve;
    table.deletes = setting.deletes;
  }
}

std::string KeptTables::WriteAsPartner(const MirrorFile& mirror) {
  const std::vector<std::string> columns = mirror.Columns(kPartners);
  if (std::find(columns.begin(), columns.end(), "_mirror_owned") == columns.end()) return "";
  if (std::find(columns.begin(), columns.end(), "note") == columns.end()) {
    const std::string wrong = mirror.Execute("ALTER TABLE p_kept ADD COLUMN note TEXT");
    if (!wrong.empty()) return wrong;
  }
  const std::int64_t key = next_++;
  const std::string wrong = mirror.Execute(
      absl::StrCat("INSERT INTO p_kept (id, a, note) VALUES (", key, ", 'own', 'note ", key, "')"));
  if (wrong.empty()) memory.partners.insert(key);
  return wrong;
}

std::string KeptTables::Check(const MirrorFile& source, const MirrorFile& mirror) {
  std::string wrong = CheckRuled(source, mirror);
  for (const Setting& setting : kSettings) {
    const std::string rows = absl::StrCat("SELECT id, a, b FROM ", setting.table);
    absl::StrAppend(&wrong, Same(setting.table, source.Query(rows + " ORDER BY id"),
                                 mirror.Query(absl::StrCat(rows, " WHERE ", setting.live, " ORDER BY id"))));
    if (*setting.gone == '\0') continue;
    std::set<std::int64_t>& seen = memory.seen[setting.table];
    const std::set<std::int64_t> live = Keys(source, setting.table, "");
    std::set<std::int64_t> there = Keys(mirror, setting.table, absl::StrCat(" WHERE ", setting.gone));
    there.insert(live.begin(), live.end());
    if (const std::string missing = Missing(seen, there); !missing.empty()) {
      absl::StrAppend(&wrong, setting.table, ": rows went that were to stay:", missing, "\n");
    }
    seen.insert(live.begin(), live.end());
  }
  const std::set<std::int64_t> partners =
      memory.partners.empty()
          ? std::set<std::int64_t>()
          : Keys(mirror, kPartners, " WHERE _mirror_owned IS NULL AND note = 'note ' || id");
  if (const std::string missing = Missing(memory.partners, partners); !missing.empty()) {
    absl::StrAppend(&wrong, "rows of the partner's went:", missing, "\n");
  }
  return wrong;
}

}  // namespace mirror
