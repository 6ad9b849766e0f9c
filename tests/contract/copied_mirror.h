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
#include "server/store/postgres/postgres_import.h"
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

/// How far two mirrors are the same.
enum class Same : std::uint8_t {
  kAll,
  kButNextIds,  ///< The ids that they give next may differ: where holds and hook notes are numbered together.
  kRowsAndRecords,  ///< Nor are ids the same, and what is not agreed of a table: both went on.
};

/// `kAll`: records, numbers that go on, and rows, live or not.
inline void ExpectSameMirror(Store& wanted, Store& there, Same same = Same::kAll) {
  const auto from = wanted.OpenSnapshot().value(), to = there.OpenSnapshot().value();
  MirrorContents want = from->ReadContents().value(), got = to->ReadContents().value();
  const bool went_on = same == Same::kRowsAndRecords;
  for (MirrorContents* const contents : {&want, &got}) {
    if (same != Same::kAll) contents->last_hold = contents->last_hook = 0;
    for (Hold& hold : contents->holds) hold.id = went_on ? 0 : hold.id;
    for (HookNote& note : contents->hooks) note.id = went_on ? 0 : note.id;
    if (same != Same::kAll) contents->lost_columns.clear();
  }
  EXPECT_EQ(got.tenant, want.tenant);
  EXPECT_EQ(got.nonces, want.nonces);
  EXPECT_EQ(got.records, want.records);
  for (const TableRecord& record : want.records) {
    EXPECT_EQ(there.records().ReadLostColumns(record.table).value(),
              wanted.records().ReadLostColumns(record.table).value());
  }
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
    TableSchema shown = went_on ? KeptForm(table.agreed) : table.stored;
    std::erase_if(shown.columns, [&](const Column& column) { return !table.stored.Find(column.name); });
    // Types of an older definition are not known to every store.
    if (!went_on) {
      EXPECT_EQ(NamesOf(got.tables[i].stored), NamesOf(table.stored));
    }
    EXPECT_EQ(DigestsOf(*to, shown), DigestsOf(*from, shown)) << table.agreed.name;
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

/// The same in a database of PostgreSQL that has none yet.
class PostgresCopy {
 public:
  explicit PostgresCopy(Store& from) {
    const auto copied = Copy(from, backend_);
    EXPECT_THAT(copied, IsOk());
    left_out_ = copied.value_or(std::vector<std::string>{});
    store_ = backend_.Open();
  }

  PostgresBackend& backend() { return backend_; }
  Store& store() { return *store_; }
  const std::vector<std::string>& left_out() const { return left_out_; }

  /// What becomes of a mirror that is imported into `backend`, which has none.
  static absl::StatusOr<std::vector<std::string>> Copy(Store& from, PostgresBackend& backend,
                                                       const GoOnCopying& go_on = GoOnWithTheCopy) {
    const std::unique_ptr<Snapshot> snapshot = from.OpenSnapshot().value();
    auto import = PostgresImport::New(backend.place(), "ctx");
    if (!import.ok()) return import.status();
    Import to(*std::move(import));
    return CopyContents(*snapshot, to, go_on);
  }

 private:
  class Import final : public MirrorImport {
   public:
    explicit Import(std::unique_ptr<PostgresImport> import) : import_(std::move(import)) {}
    absl::Status Begin(const MirrorContents& contents) override { return import_->Begin(contents); }
    absl::Status AddRows(const TableSchema& stored, RowBlock* rows) override {
      return import_->AddRows(stored, rows);
    }
    absl::Status Finish() override {
      if (absl::Status made = import_->MakeIndexes(); !made.ok()) return made;
      return import_->Finish(SchemaOf("ctx"), /*epoch=*/1);
    }

   private:
    const std::unique_ptr<PostgresImport> import_;
  };

  PostgresBackend backend_;
  std::vector<std::string> left_out_;
  std::unique_ptr<Store> store_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CONTRACT_COPIED_MIRROR_H_
