#include "client/config/source_config.h"

#include <algorithm>
#include <iterator>

namespace mirror {
namespace {

using Place = KindTraits::Place;

constexpr KindTraits kTraits[] = {
    {.kind = SourceKind::kSqlite, .takes_deliveries = true},
    {SourceKind::kCsv, Place::kFolder, "folder", "files", false, true, Strategy::kSynthetic},
    {SourceKind::kXlsx, Place::kFolder, "folder", "files", false, true, Strategy::kSynthetic},
    {SourceKind::kPostgres, Place::kServer, "dsn", "PostgreSQL databases", true, false, Strategy::kCdc,
     /*has_reader=*/true, /*reads_log=*/true, /*reads_views=*/false, /*takes_deliveries=*/true},
    {SourceKind::kMariadb, Place::kServer, "dsn", "MariaDB databases", true, false, Strategy::kCdc,
     /*has_reader=*/true, /*reads_log=*/true, /*reads_views=*/false, /*takes_deliveries=*/true},
    {SourceKind::kOdbc, Place::kServer, "dsn", "ODBC databases", false, false, Strategy::kSynthetic,
     /*has_reader=*/true, /*reads_log=*/false, /*reads_views=*/false}};

}  // namespace

const EnumWords<SourceKind>& SourceKindWords() {
  static const EnumWords<SourceKind> kWords = {
      {"sqlite", SourceKind::kSqlite},     {"csv", SourceKind::kCsv},         {"xlsx", SourceKind::kXlsx},
      {"postgres", SourceKind::kPostgres}, {"mariadb", SourceKind::kMariadb}, {"odbc", SourceKind::kOdbc}};
  return kWords;
}
std::string ToString(SourceKind kind) { return WordOf(SourceKindWords(), kind); }
std::optional<SourceKind> ParseSourceKind(std::string_view word) { return ValueOf(SourceKindWords(), word); }

const KindTraits& TraitsOf(SourceKind kind) {
  return *std::find_if(std::begin(kTraits), std::end(kTraits) - 1,
                       [kind](const KindTraits& traits) { return traits.kind == kind; });
}

}  // namespace mirror
