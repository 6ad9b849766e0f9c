#ifndef MIRROR_TESTS_SUPPORT_MEMORY_NO_HISTORY_H_
#define MIRROR_TESTS_SUPPORT_MEMORY_NO_HISTORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/store/journal_reader.h"
#include "server/store/journal_verbs.h"
#include "server/store/version_reader.h"

// Of a store that notes nothing beside its rows: only plans without rules for it are run there.

namespace mirror {

class NoJournal : public JournalVerbs {
 public:
  absl::StatusOr<JournalPlace> ReadPlace(const std::string&) override { return JournalPlace{}; }
  absl::StatusOr<std::optional<std::string>> ReadSeen(const std::string&) override {
    return std::optional<std::string>();
  }
  absl::StatusOr<std::int64_t> FindLastCommit(const std::string&) override { return 0; }
  absl::Status AddEntry(const JournalEntry&) override { return None(); }
  absl::Status CloseMoment(std::int64_t, const JournalEntry&) override { return None(); }
  absl::Status NoteDigest(const std::string&, const Position&, std::int64_t, const std::string&) override {
    return absl::OkStatus();
  }
  absl::StatusOr<std::int64_t> Trim(std::int64_t, std::int64_t) override { return 0; }
  absl::Status ForgetKeys(const std::string&) override { return absl::OkStatus(); }
  absl::StatusOr<std::int64_t> EraseKey(const std::string&, const Key&) override { return 0; }

 private:
  static absl::Status None() { return absl::UnimplementedError("this store has no journal"); }
};

class NoHistory final : public HistoryVerbs {
 public:
  absl::StatusOr<bool> IsKept(const std::string&) override { return false; }
  absl::StatusOr<bool> IsAsKept(const std::string&) override { return true; }
  absl::Status Begin(const TableSchema&, std::int64_t) override { return None(); }
  absl::Status KeepOld(const ApplyRows&, std::int64_t) override { return None(); }
  absl::Status ForgetSame(const ApplyRows&, std::int64_t) override { return None(); }
  absl::Status KeepDifference(const TableSchema&, const Shadow&, std::int64_t, const TakeKeys&) override {
    return None();
  }
  absl::Status Follow(const TableSchema&, const MovedColumns&, std::int64_t) override { return None(); }
  absl::StatusOr<std::int64_t> Cut(const std::string&, std::int64_t, std::int64_t) override { return None(); }
  absl::StatusOr<std::int64_t> EraseRow(const std::string&, const Key&) override { return 0; }
  absl::Status SetAside(const std::string&, std::int64_t) override { return None(); }

 private:
  static absl::Status None() { return absl::UnimplementedError("this store has no history"); }
};

class NoJournalReader : public JournalReader {
 public:
  absl::StatusOr<JournalBounds> ReadBounds() override { return JournalBounds{}; }
  absl::StatusOr<std::optional<std::int64_t>> ReadSalt(std::int64_t) override {
    return std::optional<std::int64_t>();
  }
  absl::StatusOr<std::vector<JournalEntry>> ReadAfter(const JournalPage&) override {
    return std::vector<JournalEntry>();
  }
  absl::Status WalkBack(const std::string&, const std::string&, const TakeEntry&) override {
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<JournalEntry>> FindCommits(const std::string&, const AsOf&) override {
    return std::vector<JournalEntry>();
  }
  absl::Status WalkProven(const std::string&, const TakeEntry&) override { return absl::OkStatus(); }
  absl::StatusOr<std::int64_t> CountEntries(const std::string&) override { return 0; }
  absl::StatusOr<std::int64_t> FindTrim(const OldCommits&, std::uint64_t) override { return 0; }
};

class NoVersions final : public VersionReader {
 public:
  absl::StatusOr<std::optional<TableHistory>> ReadHistory(const std::string&) override {
    return std::optional<TableHistory>();
  }
  absl::StatusOr<std::int64_t> FindCut(const TableHistory&, const OldCommits&, std::uint64_t) override {
    return None();
  }
  absl::StatusOr<std::int64_t> CountVersions(const TableHistory&) override { return None(); }
  absl::Status ReadRowsAsOf(const TableHistory&, std::int64_t, const std::vector<std::uint32_t>&,
                            const std::vector<KeyRange>&, std::size_t, const GoOn&,
                            const TakeRows&) override {
    return None();
  }
  absl::StatusOr<RangeDigest> DigestAsOf(const TableHistory&, std::int64_t, const std::vector<std::uint32_t>&,
                                         const GoOn&) override {
    return None();
  }
  absl::Status ReadVersions(const TableHistory&, const Key&, const TakeVersion&) override { return None(); }
  absl::Status ReadTouchedKeys(const TableHistory&, std::int64_t, std::int64_t, const GoOn&,
                               const TakeRows&) override {
    return None();
  }

 private:
  static absl::Status None() { return absl::UnimplementedError("this store has no history"); }
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_MEMORY_NO_HISTORY_H_
