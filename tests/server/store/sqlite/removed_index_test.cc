// The index of a mirror's log is removed while the mirror is open, and another program writes by a new one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/server/tenant/tenant_bench.h"

namespace mirror::removed_index_test {
namespace {

namespace fs = std::filesystem;

using testing::Contains;

class RemovedIndex : public TenantBench {
 protected:
  /// More than the cache has room for: a transaction writes to the log before its end.
  static Rows Large(int age) {
    Rows rows;
    for (int i = 0; i < 30'000; ++i) rows.push_back({i, std::string(200, 'x'), age});
    return rows;
  }
  /// By a process of its own: within one, all connections have the same index.
  int Elsewhere(const std::string& sql) const {
    return std::system(("sqlite3 '" + path() + "' \"" + sql + "\" > /dev/null").c_str());
  }
};

TEST_F(RemovedIndex, WhatAnotherProgramCommitsByANewOneIsNotOverwrittenByALargeBatch) {
  source_->Mirror(People(), Large(1), {Lsn{5}, "five"});
  ASSERT_TRUE(tenant_->CloseIfIdle());
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  fs::remove(path() + "-shm");
  ASSERT_EQ(Elsewhere("CREATE TABLE mine (x); INSERT INTO mine VALUES (17)"), 0);

  EXPECT_THAT(source_->Apply(MakeBatch(People(), {.rows = Large(2), .base_lsn = 5})),
              StatusIs(absl::StatusCode::kAborted));

  tenant_.reset();
  EXPECT_EQ(Partner(path()).One("SELECT x FROM mine"), Cell(17));
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM people WHERE age = 1"), Cell(30'000));
  EXPECT_EQ(Partner(path()).One("PRAGMA integrity_check"), Cell("ok"));
  Restart();
  EXPECT_THAT(catalog_.Kinds(), Contains("mirror.replaced").Times(1));
}

}  // namespace
}  // namespace mirror::removed_index_test
