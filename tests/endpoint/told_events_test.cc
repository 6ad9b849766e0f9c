// What an operator is told although nobody asked: rules that mean nothing, tables that are refused while old
// rows stay, sources that cannot prove who they are.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/endpoint/endpoint_fixture.h"

namespace mirror::told_events_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ToldEventsTest : public EndpointTest {
 protected:
  void Cycle(MirrorClient& client, const TableSchema& table) { Announce(client, Begin(client), {table}); }
};

TEST_F(ToldEventsTest, ARuleWithATypingErrorIsToldOnce) {
  Install({.more_toml =
               "[[tenant]]\ncontext_id = \"Cust\"\n[[tenant.table]]\nname = \"people\"\nmask = [\"nmae\", "
               "\"name\"]\n[[tenant.table]]\nname = \"peopel\"\nleave_out = [\"*\"]\n"});
  const auto client = Client();
  Cycle(*client, People());
  const v1::Event told = WaitForEvent("columns.rule_idle");
  EXPECT_EQ(told.severity(), v1::SEVERITY_WARNING);
  EXPECT_EQ(told.context_id(), "Cust");
  EXPECT_THAT(told.message(), AllOf(HasSubstr("no column of 'people' is named 'nmae'"),
                                    HasSubstr("no table is named 'peopel'"), Not(HasSubstr("'name'"))));
  Cycle(*client, People());
  Cycle(*client, NamedTable("other", {KeyColumn("id", Type::kInt64)}));
  const v1::Event again = WaitForEvent("columns.rule_idle", told.id());
  EXPECT_THAT(again.message(), HasSubstr("no table is named 'people'")) << "the next one is of other tables";
}

TEST_F(ToldEventsTest, ATableThatIsRefusedWhileItsRowsStayIsAnError) {
  Install();
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, {Lsn{5}, "five"});
  ASSERT_TRUE(here_->Stop().ok());
  WriteFileText(here_->server_toml(), ReadFileText(here_->server_toml()) +
                                          "\n[[tenant]]\ncontext_id = \"Cust\"\n[[tenant.table]]\nname = "
                                          "\"people\"\nleave_out = [\"id\"]\n");
  ASSERT_THAT(here_->Start(), IsOk());
  Cycle(*Client(), People());
  const v1::Event told = WaitForEvent("table.refused");
  EXPECT_EQ(told.severity(), v1::SEVERITY_ERROR);
  EXPECT_THAT(told.message(), HasSubstr("The mirror keeps the rows that it has"));
}

TEST_F(ToldEventsTest, WhoCannotProveWhoHeIsIsToldOf) {
  Install();
  const auto client = Client();
  client->set_token_override("no token");
  EXPECT_FALSE(client->Authenticate("hand", false, false).ok());
  const v1::Event told = WaitForEvent("source.not_admitted");
  EXPECT_EQ(told.severity(), v1::SEVERITY_WARNING);
  EXPECT_THAT(told.message(), HasSubstr("no cycle began. The last one: "));
}

}  // namespace
}  // namespace mirror::told_events_test
