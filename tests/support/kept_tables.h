#ifndef MIRROR_TESTS_SUPPORT_KEPT_TABLES_H_
#define MIRROR_TESTS_SUPPORT_KEPT_TABLES_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "client/config/source_config.h"
#include "tests/support/mirror_file.h"

namespace mirror {

/// Begins the names of tables whose definition a random application leaves alone.
inline constexpr char kKeptPrefix[] = "p_";

/// Tables of a source whose mirror is to hold something else than the same rows: what is the partner's stays
/// (preserve_target), deletes are ignored or marked, columns are left out, hashed and masked. And what their
/// mirror must hold, written from docs/sources/targets.md and docs/operate/columns.md. Threads: one.
class KeptTables {
 public:
  /// What makes them, at the source.
  static std::string Definitions();
  /// Of the server, for tenants whose names fit `contexts`.
  static std::string ServerRules(const std::string& contexts);
  static void Configure(SourceConfig* source);

  /// A row of the partner's, with a key that the source does not use, and a column of his.
  /// Empty: done, or there is no such table yet.
  std::string WriteAsPartner(const MirrorFile& mirror);

  /// Behind a cycle beside which nobody wrote. Empty: the mirror holds what it is to hold; of this it
  /// remembers what must not go any more.
  std::string Check(const MirrorFile& source, const MirrorFile& mirror);

  /// What must be in the mirror whatever its source does. It goes with the file: into a copy of it, and back.
  struct Memory {
    std::set<std::int64_t> partners;                     ///< Keys of rows that are his.
    std::map<std::string, std::set<std::int64_t>> seen;  ///< Keys that were shown, by table.
  };
  Memory memory;

 private:
  std::int64_t next_ = 1'000'000;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_KEPT_TABLES_H_
