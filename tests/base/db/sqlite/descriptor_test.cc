// By which descriptor SQLite has a file open.

#include "base/db/sqlite/descriptor.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/support/rows.h"

namespace mirror::sqlite::descriptor_test {
namespace {

std::string PathOf(int descriptor) {
  std::error_code gone;
  return std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", descriptor), gone).string();
}

class SqliteDescriptor : public testing::Test {
 protected:
  SqliteDescriptor() { WatchDescriptors(sqlite3_vfs_find(nullptr)); }

  std::string Path(const char* name) const {
    return std::filesystem::canonical(folder_.path()).string() + "/" + name;
  }

  const ScratchFolder folder_;
};

/// A database with a table.
class Connection {
 public:
  explicit Connection(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &connection_), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection_, "CREATE TABLE IF NOT EXISTS t (v)", nullptr, nullptr, nullptr),
              SQLITE_OK);
  }
  ~Connection() { sqlite3_close(connection_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3_file* file() const {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(connection_, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return file;
  }

 private:
  sqlite3* connection_ = nullptr;
};

TEST_F(SqliteDescriptor, IsThatOfTheFileAndStaysTheSame) {
  const Connection one(Path("one")), other(Path("other"));
  const int descriptor = DescriptorOf(one.file());
  EXPECT_EQ(PathOf(descriptor), Path("one"));
  EXPECT_EQ(PathOf(DescriptorOf(other.file())), Path("other"));
  EXPECT_EQ(DescriptorOf(one.file()), descriptor);
}

TEST_F(SqliteDescriptor, IsKnownInEachThread) {
  const Connection one(Path("one"));
  EXPECT_EQ(PathOf(DescriptorOf(one.file())), Path("one"));
  std::thread([this] {
    const Connection other(Path("other"));
    EXPECT_EQ(PathOf(DescriptorOf(other.file())), Path("other"));
  }).join();
  EXPECT_EQ(PathOf(DescriptorOf(one.file())), Path("one"));
}

TEST_F(SqliteDescriptor, WhereSqliteAsksTheSystemNothingItIsUnknown) {
  const Connection one(Path("one"));
  ASSERT_GE(DescriptorOf(one.file()), 0);
  for (const int code : {SQLITE_OK, SQLITE_IOERR_FSTAT}) {
    static int told = SQLITE_OK;
    told = code;
    sqlite3_io_methods methods = {};
    methods.xFileSize = [](sqlite3_file*, sqlite3_int64*) { return told; };
    sqlite3_file file = {&methods};
    EXPECT_EQ(DescriptorOf(&file), -1);
  }
}

}  // namespace
}  // namespace mirror::sqlite::descriptor_test
