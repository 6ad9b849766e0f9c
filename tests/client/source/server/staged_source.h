#ifndef MIRROR_TESTS_CLIENT_SOURCE_SERVER_STAGED_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_SERVER_STAGED_SOURCE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/source/server/stage.h"
#include "tests/client/source/server/staged_model.h"

namespace mirror {

/// A folder with a stage.
class StageFolder {
 public:
  StageFolder() {
    std::string name = testing::TempDir() + "/stage_XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.path = folder_ + "/Cust.stage.db";
    Open();
  }
  ~StageFolder() {
    stage_.reset();
    std::filesystem::remove_all(folder_);
  }
  /// Without Flush(): as after a process that was killed.
  void Open() {
    stage_.reset();
    absl::StatusOr<std::unique_ptr<Stage>> opened = Stage::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    stage_ = *std::move(opened);
  }
  Stage& operator*() { return *stage_; }
  Stage* operator->() { return stage_.get(); }
  StageOptions& options() { return options_; }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  StageOptions options_;
  std::unique_ptr<Stage> stage_;
};

inline StagedTable ModelStagedTable(std::int64_t id, std::int64_t floor = 0) {
  StagedTable table;
  table.id = id;
  table.name = "model";
  table.key = {kModelKey};
  table.floor = floor;
  return table;
}

/// A source with one table and a log, and what of it was staged.
class StagedSource {
 public:
  StagedSource(StageFolder& folder, std::int64_t table, std::int64_t first_lsn, StageModelTable rows)
      : folder_(folder), table_(table), first_(first_lsn), states_({std::move(rows)}) {}

  std::int64_t table() const { return table_; }
  /// Commits so far; states are counted so, too.
  std::size_t commits() const { return log_.size(); }
  std::int64_t LsnOf(std::size_t commit) const { return first_ + 10 * static_cast<std::int64_t>(commit); }
  const StageModelTable& state(std::size_t commit) const { return states_[commit]; }
  const StageModelTable& now() const { return states_.back(); }

  /// One transaction, maybe without a change.
  void Commit(ModelRandom* random, int changes_max = 3) {
    StageModelTable rows = states_.back();
    std::vector<StageModelChange> changes;
    for (int i = random->Below(changes_max + 1); i > 0; --i) {
      if (std::optional<StageModelChange> change = random->Change(&rows))
        changes.push_back(*std::move(change));
    }
    log_.push_back(std::move(changes));
    states_.push_back(std::move(rows));
  }

  /// From the stage's place on, with accidents. `is_read`: somebody reads the stage, so that it is not
  /// killed.
  void StageAll(ModelRandom* random, bool is_read = false) {
    for (;;) {
      const std::size_t until = commits();
      absl::StatusOr<std::int64_t> place = folder_->Place();
      ASSERT_TRUE(place.ok()) << place.status();
      for (std::size_t i = 0; i < until; ++i) {
        if (LsnOf(i + 1) > *place) Send(i, random);
        if (random->Chance(15)) {
          EXPECT_TRUE(folder_->Flush().ok());
        }
      }
      if (!is_read && random->Chance(15)) {
        folder_.Open();
        continue;
      }
      place = folder_->Flush();
      ASSERT_TRUE(place.ok()) << place.status();
      ASSERT_EQ(*place, std::max(*place, LsnOf(until)));
      return;
    }
  }

 private:
  void Send(std::size_t commit, ModelRandom* random) {
    for (bool broken = true; broken;) {
      broken = random->Chance(10);
      ASSERT_TRUE(folder_->Begin({LsnOf(commit + 1), 7, 1'000}).ok());
      for (const StageModelChange& change : log_[commit]) {
        const absl::Status taken = folder_->Take(table_, ToLogged(change));
        ASSERT_TRUE(taken.ok()) << taken;
        if (broken && random->Chance(50)) break;
      }
      if (!broken) {
        EXPECT_TRUE(folder_->Commit().ok());
      }
    }
  }

  StageFolder& folder_;
  const std::int64_t table_, first_;
  std::vector<StageModelTable> states_;
  std::vector<std::vector<StageModelChange>> log_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_SERVER_STAGED_SOURCE_H_
