#ifndef MIRROR_TESTS_CONTRACT_COPIED_MIRROR_H_
#define MIRROR_TESTS_CONTRACT_COPIED_MIRROR_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "server/store/copy_contents.h"
#include "server/store/sqlite/sqlite_home.h"
#include "tests/contract/store_contract.h"

namespace mirror {

inline bool GoOnWithTheCopy(std::uint64_t, std::uint64_t) { return true; }

inline std::vector<RangeDigest> DigestsOf(Snapshot& mirror, const TableSchema& table) {
  std::vector<std::uint32_t> all(table.columns.size());
  std::iota(all.begin(), all.end(), 0U);
  const auto digests = mirror.Digest(table, all, {}, [] { return true; });
  EXPECT_THAT(digests, IsOk()) << table.name;
  return digests.value_or(std::vector<RangeDigest>{});
}

inline std::vector<std::string> NamesOf(const TableSchema& table) {
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back(column.name);
  return names;
}

/// Everything of the two is the same: records, numbers that go on, and rows, live or not.
inline void ExpectSameMirror(Store& wanted, Store& there) {
  const auto from = wanted.OpenSnapshot().value(), to = there.OpenSnapshot().value();
  MirrorContents want = from->ReadContents().value(), got = to->ReadContents().value();
  EXPECT_EQ(got.tenant, want.tenant);
  EXPECT_EQ(got.nonces, want.nonces);
  EXPECT_EQ(got.records, want.records);
  ASSERT_EQ(got.tables.size(), want.tables.size());
  EXPECT_EQ(got.answers, want.answers);
  EXPECT_EQ(got.cycle_notes, want.cycle_notes);
  EXPECT_EQ(got.lost_columns, want.lost_columns);
  EXPECT_EQ(got.checks, want.checks);
  EXPECT_EQ(got.holds, want.holds);
  EXPECT_EQ(got.last_hold, want.last_hold);
  EXPECT_EQ(got.losses, want.losses);
  EXPECT_EQ(got.freshness, want.freshness);
  EXPECT_EQ(got.receipts, want.receipts);
  EXPECT_EQ(got.open_receipts, want.open_receipts);
  EXPECT_EQ(got.hooks, want.hooks);
  EXPECT_EQ(got.last_hook, want.last_hook);
  EXPECT_EQ(got.source_objects, want.source_objects);
  EXPECT_EQ(got.own_indexes, want.own_indexes);
  for (std::size_t i = 0; i < want.tables.size(); ++i) {
    const ContentsTable& table = want.tables[i];
    EXPECT_EQ(got.tables[i].agreed, table.agreed);
    // Types of an older definition are not known to every store.
    EXPECT_EQ(NamesOf(got.tables[i].stored), NamesOf(table.stored));
    EXPECT_EQ(DigestsOf(*to, table.stored), DigestsOf(*from, table.stored)) << table.agreed.name;
    EXPECT_EQ(to->ReadSchema(table.agreed.name).value(), table.agreed);
  }
}

/// What another store holds, as the mirror of an empty SQLite home.
class CopiedMirror {
 public:
  explicit CopiedMirror(Store& from) {
    const std::unique_ptr<Snapshot> snapshot = from.OpenSnapshot().value();
    const std::unique_ptr<MirrorImport> import = home_->NewImport("ctx").value();
    const auto copied = CopyContents(*snapshot, *import, GoOnWithTheCopy);
    EXPECT_THAT(copied, IsOk());
    left_out_ = copied.value_or(std::vector<std::string>{});
    auto opened = home_->Open("ctx", /*create=*/false, nullptr);
    EXPECT_THAT(opened, IsOk());
    store_ = *std::move(opened);
  }

  Store& store() { return *store_; }
  StoreHome& home() { return *home_; }
  std::string path() const { return home_->Location("ctx"); }
  const std::vector<std::string>& left_out() const { return left_out_; }

 private:
  const ScratchFolder folder_;
  const std::unique_ptr<StoreHome> home_ =
      OpenSqliteHome(folder_.path(), SqliteOptions{.value_bytes_max = kValueBytesMax}).value();
  std::vector<std::string> left_out_;
  std::unique_ptr<Store> store_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CONTRACT_COPIED_MIRROR_H_
