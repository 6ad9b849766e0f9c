#ifndef MIRROR_TESTS_CONTRACT_BACKEND_H_
#define MIRROR_TESTS_CONTRACT_BACKEND_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proto/wire/table.h"
#include "server/store/store.h"
#include "tests/support/rows.h"

namespace mirror {

inline constexpr std::int64_t kCycle = 100;
inline constexpr std::int64_t kNow = 5'000'000;
/// Of the stores under test: what a value in parts may weigh.
inline constexpr std::int64_t kValueBytesMax = 1'000;

/// What not every store can show; a test that needs it says so, and is skipped where it is missing.
enum class Capability : std::uint8_t {
  kPartnerSql,    ///< Others change the mirror's tables beside it, by SQL, and it keeps rows of theirs.
  kPreserves,     ///< Of kPartnerSql: by preserve_target and MARK, too, where others do by IGNORE alone.
  kSqlite,        ///< It is a file of SQLite's: with its dialect, its catalog and its pages.
  kEveryTable,    ///< It keeps any table of the protocol's: names and columns without a bound, ANY in keys.
  kVersionOfAll,  ///< Its data version tells of metadata rows, too, that were changed by hand.
};

/// For the reader of a test that is skipped.
inline const char* ToString(Capability capability) {
  switch (capability) {
    case Capability::kPartnerSql:
      return "nobody else writes to this store";
    case Capability::kPreserves:
      return "this store keeps rows of partners by IGNORE alone";
    case Capability::kSqlite:
      return "this store is no file of SQLite's";
    case Capability::kEveryTable:
      return "this store cannot keep such a table";
    case Capability::kVersionOfAll:
      return "this store does not tell of metadata rows that were changed by hand";
  }
  return "";
}

/// A store of one kind, and what stands beside it: a reader, a partner and a DBA.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual bool Can(Capability capability) const = 0;
  /// Opens it again; what was committed is there.
  virtual std::unique_ptr<Store> Open() = 0;
  /// Throws when there is no such table.
  virtual Rows Visible(const TableSchema& table) = 0;
  /// What the metadata table says, by a DBA.
  virtual void SetLsnByHand(const std::string& table, std::int64_t lsn) = 0;
  /// The same by one who does not wait. False: somebody else writes, and nothing was done.
  virtual bool TryLsnByHand(const std::string& table, std::int64_t lsn) = 0;
  virtual void DeleteRecordByHand(const std::string& table) = 0;
  /// Shadows, parts and tables set aside that are kept.
  virtual std::vector<std::int64_t> Leftovers() = 0;

  /// What a partner does by SQL beside the store, and sees. Of one that can kPartnerSql.
  virtual void Do(const std::string& sql) { See(sql); }
  virtual Rows See(const std::string& sql) {
    ADD_FAILURE() << "this store speaks no SQL: " << sql;
    return {};
  }
  virtual std::vector<std::string> IndexesOf(const std::string& table) {
    ADD_FAILURE() << "this store shows no index of " << table;
    return {};
  }
  /// Whether the database says of itself that it is whole, as its own tools see it.
  virtual bool IsWhole() { return true; }
  /// Of one that can kSqlite.
  virtual std::string Path() {
    ADD_FAILURE() << "this store has no file";
    return "";
  }
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CONTRACT_BACKEND_H_
