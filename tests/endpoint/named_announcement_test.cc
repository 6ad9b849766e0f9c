#include <string>
#include <utility>
#include <vector>

#include "proto/wire/codec.h"
#include "tests/endpoint/endpoint_fixture.h"

namespace mirror::named_announcement_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Position kFirst{Lsn{10}, "first"};
const Position kSecond{Lsn{20}, "second"};

/// A source names by its digest what it would announce: AuthenticateRequest.announced_sha256.
class NamedAnnouncementTest : public EndpointTest {
 protected:
  static std::string DigestOf(const std::vector<TableSchema>& tables) {
    return AnnouncementSha256(Announcement(0, tables));
  }

  /// Announced twice: once it changed nothing, it is known by its digest.
  static void Know(MirrorClient& client, const TableSchema& table, const Rows& rows) {
    Fill(client, table, rows, kFirst);
    const std::int64_t cycle = Begin(client);
    Announce(client, cycle, {table});
    EXPECT_THAT(Complete(client, cycle), IsOk());
  }

  static v1::AuthenticateResponse BeginNaming(MirrorClient& client, const std::string& sha256,
                                              bool probe = false) {
    absl::StatusOr<v1::AuthenticateResponse> begun = client.Authenticate("hand", true, probe, {}, {}, sha256);
    EXPECT_THAT(begun, IsOk());
    return begun.ok() ? *std::move(begun) : v1::AuthenticateResponse();
  }

  static v1::ChangeBatch Change(std::int64_t base) {
    BatchSpec spec;
    spec.operation = Operation::kUpdate;
    spec.columns = {"id", "name"};
    spec.rows = {{1, "Ada B."}};
    spec.base_lsn = base;
    spec.target = kSecond;
    spec.commit = kSecond;
    return Message(People(), spec);
  }

  const TableSchema people_ = People();
};

TEST_F(NamedAnnouncementTest, ACycleBeginsWithItsTablesAnnounced) {
  Install();
  const auto client = Client();
  Know(*client, people_, {{1, "Ada", 36}});
  const v1::AuthenticateResponse begun = BeginNaming(*client, DigestOf({people_}));
  ASSERT_TRUE(begun.has_announced());
  ASSERT_EQ(begun.announced().tables_size(), 1);
  const v1::TableStatus& status = begun.announced().tables(0);
  EXPECT_EQ(status.table(), "people");
  EXPECT_TRUE(status.wanted());
  EXPECT_EQ(status.action(), v1::TABLE_ACTION_UNCHANGED);
  EXPECT_EQ(status.position().lsn(), 10);
  EXPECT_EQ(status.row_count(), 1);
  EXPECT_EQ(Send(*client, begun.cycle(), Change(10)).code(), 0);

  // The call itself is a repetition, with rows behind it, too.
  const absl::StatusOr<v1::TableSchemaResponse> repeated =
      client->TableSchema(Announcement(begun.cycle(), {people_}));
  ASSERT_THAT(repeated, IsOk());
  EXPECT_EQ(repeated->tables(0).position().lsn(), 20);
  EXPECT_THAT(client->TableSchema(Announcement(begun.cycle(), {people_, Pairs()})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("next")));
  EXPECT_THAT(Complete(*client, begun.cycle()), IsOk());
  EXPECT_THAT(here_->mirror().Query("SELECT name FROM people"), ElementsAre("text:Ada B."));
  EXPECT_EQ(here_->mirror().Lsn("people"), 20);
}

/// As proto/WRITING.md has it, for who writes a source.
TEST(AnnouncementDigest, IsOfTheSerializedRequest) {
  v1::TableSchemaRequest announcement;
  announcement.set_source_id("s");
  EXPECT_EQ(AnnouncementSha256(announcement),
            "17be910ce776899f258821ff70f1e0fd39121dced53bd93ab9f2f182c81ab56f");
}

TEST_F(NamedAnnouncementTest, OnlyTheTenantsLastAnnouncementIsKnown) {
  Install();
  const auto client = Client(), other = Client("Cust-other");
  Know(*client, people_, {{1, "Ada", 36}});
  Know(*client, Pairs(), {});
  EXPECT_FALSE(BeginNaming(*client, DigestOf({people_})).has_announced());
  EXPECT_FALSE(BeginNaming(*client, "").has_announced());
  EXPECT_FALSE(BeginNaming(*client, std::string(64, '0')).has_announced());
  EXPECT_FALSE(BeginNaming(*other, DigestOf({Pairs()})).has_announced()) << "of another tenant";
  EXPECT_TRUE(BeginNaming(*client, DigestOf({Pairs()})).has_announced());
  ASSERT_THAT(here_->Restart(), IsOk());
  EXPECT_FALSE(BeginNaming(*Client(), DigestOf({Pairs()})).has_announced()) << "a new server knows none";
}

TEST_F(NamedAnnouncementTest, WhatBeginsNoCycleAnnouncesNothing) {
  Install();
  const auto client = Client();
  Know(*client, people_, {{1, "Ada", 36}});
  EXPECT_FALSE(BeginNaming(*client, DigestOf({people_}), /*probe=*/true).has_announced());
  const std::int64_t cycle = Begin(*client, "somebody");
  const absl::StatusOr<v1::AuthenticateResponse> busy =
      client->Authenticate("other", false, false, {}, {}, DigestOf({people_}));
  ASSERT_THAT(busy, IsOk());
  EXPECT_EQ(busy->busy().cycle(), cycle);
  EXPECT_FALSE(busy->has_announced());
}

/// What is to be done has a call of its own, with its time and its words.
TEST_F(NamedAnnouncementTest, WhereSomethingIsToBeDoneTheCallIsMade) {
  Install();
  const auto client = Client();
  Know(*client, people_, {{1, "Ada", 36}});
  ASSERT_EQ(here_->mirror().Execute("DROP TABLE people"), "");
  const v1::AuthenticateResponse begun = BeginNaming(*client, DigestOf({people_}));
  EXPECT_FALSE(begun.has_announced());
  EXPECT_THAT(here_->mirror().Tables(), IsEmpty()) << "nothing was done";
  const std::vector<v1::TableStatus> answer = Announce(*client, begun.cycle(), {people_});
  EXPECT_EQ(answer[0].action(), v1::TABLE_ACTION_CREATED);
  EXPECT_EQ(Send(*client, begun.cycle(), Population(people_, {{2, "Bob", 40}}, kSecond)).code(), 0);
  EXPECT_THAT(Complete(*client, begun.cycle()), IsOk());
  EXPECT_FALSE(BeginNaming(*client, DigestOf({people_})).has_announced()) << "it made a table";
  Announce(*client, Begin(*client), {people_});
  EXPECT_TRUE(BeginNaming(*client, DigestOf({people_})).has_announced());
}

/// As after an announcement at another server of a fleet.
TEST_F(NamedAnnouncementTest, WhatIsOutOfDateSetsNoTableAside) {
  Install();
  const auto client = Client();
  Know(*client, people_, {{1, "Ada", 36}});
  ASSERT_EQ(
      here_->mirror().Execute("INSERT INTO \"Cust_mirroring\" SELECT 'pairs', schema_hash, lsn, lineage, "
                              "pending_lsn, pending_lineage, seq, row_count, cycle, state FROM "
                              "\"Cust_mirroring\" WHERE table_name = 'people'"),
      "");
  EXPECT_FALSE(BeginNaming(*client, DigestOf({people_})).has_announced());
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM \"Cust_mirroring\""), "2");
}

/// An operator's -1 is where the table stands, and is told.
TEST_F(NamedAnnouncementTest, ThePositionsAreThoseOfNow) {
  Install();
  const auto client = Client();
  Know(*client, people_, {{1, "Ada", 36}});
  ASSERT_EQ(here_->mirror().Execute("UPDATE \"Cust_mirroring\" SET lsn = -1"), "");
  const v1::AuthenticateResponse begun = BeginNaming(*client, DigestOf({people_}));
  ASSERT_TRUE(begun.has_announced());
  EXPECT_EQ(begun.announced().tables(0).position().lsn(), -1);
}

/// By the second announcement behind, and not an hour later.
TEST_F(NamedAnnouncementTest, WhatIsSetAsideIsDroppedInTime) {
  InstallationOptions options;
  options.settings = {{"data", "drop_grace", "\"0s\""}};
  Install(options);
  const auto client = Client();
  Know(*client, Pairs(), {});
  Know(*client, people_, {{1, "Ada", 36}});
  EXPECT_TRUE(BeginNaming(*client, DigestOf({people_})).has_announced());
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM _mirror_dropped"), "0");
}

/// Another announcement of the same cycle, before a row of it: it is the one that counts.
TEST_F(NamedAnnouncementTest, ASourceMayAnnounceOthersAllTheSame) {
  Install();
  const auto client = Client();
  Know(*client, people_, {{1, "Ada", 36}});
  const v1::AuthenticateResponse begun = BeginNaming(*client, DigestOf({people_}));
  ASSERT_TRUE(begun.has_announced());
  EXPECT_THAT(client->TableSchema(Announcement(begun.cycle(), {people_, Pairs()})), IsOk());
  EXPECT_THAT(here_->mirror().Tables(), ElementsAre("pairs", "people"));
  EXPECT_EQ(Send(*client, begun.cycle(), Change(10)).code(), 0);
  EXPECT_THAT(Complete(*client, begun.cycle()), IsOk());
  EXPECT_FALSE(BeginNaming(*client, DigestOf({people_})).has_announced()) << "it would set a table aside";
}

}  // namespace
}  // namespace mirror::named_announcement_test
