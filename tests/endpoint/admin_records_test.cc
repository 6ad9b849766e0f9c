#include <grpcpp/client_context.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "certs/api_key.h"
#include "certs/issue.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/raw_http.h"

// What an operator sees of records: storages, import jobs, keys of the HTTP door, with that on and off.

namespace mirror::admin_records_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class AdminRecordsTest : public EndpointTest {
 protected:
  using Stub = v1::MirrorAdmin::Stub;

  void InstallWith(bool http) {
    InstallationOptions options;
    if (http)
      options.settings = {{"http", "enabled", "true"},
                          {"http", "plaintext", "true"},
                          {"http", "port", "0"},
                          {"http", "disk_free_min", "\"1MiB\""}};
    Install(options);
    viewer_ = here_->Admin(Role::kViewer).value();
    operator_ = here_->Admin(Role::kOperator).value();
  }
  std::string KeyFolder() const { return here_->dir() + "/apikeys"; }

  /// With the door on, and an owner's key that the server knows.
  void Begin() {
    InstallWith(/*http=*/true);
    key_ = IssueApiKey(KeyFolder(), {.name = "owner", .role = ApiRole::kOwner, .storages = {"*"}}).value();
    v1::ReloadKeysResponse reloaded;
    ASSERT_THAT(Call(*operator_, &Stub::ReloadKeys, v1::ReloadKeysRequest(), &reloaded), IsOk());
  }

  template <typename Request, typename Response>
  static absl::Status Call(Stub& stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                           const Request& request, Response* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    return ToAbsl((stub.*method)(&context, request, response));
  }
  v1::ListStoragesResponse Storages(const v1::ListStoragesRequest& request = {}) {
    v1::ListStoragesResponse response;
    EXPECT_THAT(Call(*viewer_, &Stub::ListStorages, request, &response), IsOk());
    return response;
  }
  v1::ListImportJobsResponse Jobs(const v1::ListImportJobsRequest& request = {}) {
    v1::ListImportJobsResponse response;
    EXPECT_THAT(Call(*viewer_, &Stub::ListImportJobs, request, &response), IsOk());
    return response;
  }
  v1::ListApiKeysResponse Keys() {
    v1::ListApiKeysResponse response;
    EXPECT_THAT(Call(*viewer_, &Stub::ListApiKeys, v1::ListApiKeysRequest(), &response), IsOk());
    return response;
  }

  /// The whole answer.
  std::string Ask(const std::string& method, const std::string& path, const std::string& type,
                  const std::string& body) {
    int port = 0;
    const std::string url = Keys().http_url();
    EXPECT_TRUE(absl::SimpleAtoi(url.substr(url.rfind(':') + 1), &port)) << url;
    return RawHttp(static_cast<std::uint16_t>(port))
        .Ask(absl::StrCat(method, " ", path,
                          " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-API-KEY: ", key_,
                          "\r\nContent-Type: ", type, "\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  }
  void Do(const std::string& method, const std::string& path, const std::string& body) {
    const std::string answer = Ask(method, path, "application/json", body);
    EXPECT_TRUE(absl::StrContains(answer, " 200 ") || absl::StrContains(answer, " 201 ")) << answer;
  }
  void Upsert(const std::string& storage, int count) {
    std::string partners;
    for (int i = 0; i < count; ++i)
      absl::StrAppend(&partners, i == 0 ? "" : ",", "{\"externalId\":\"", i, "\",\"name\":\"A\"}");
    Do("PUT", absl::StrCat("/v4/storages/", storage, "/businesspartners"),
       absl::StrCat("{\"businessPartners\":[", partners, "]}"));
  }
  void Import(const std::string& storage, const std::string& csv) {
    const std::string answer =
        Ask("POST", "/jobs/importjobs", "multipart/form-data; boundary=edge",
            absl::StrCat("--edge\r\nContent-Disposition: form-data; name=\"storageId\"\r\n\r\n", storage,
                         "\r\n--edge\r\nContent-Disposition: form-data; name=\"file\"; "
                         "filename=\"a.csv\"\r\n\r\n",
                         csv, "\r\n--edge--\r\n"));
    EXPECT_THAT(answer, HasSubstr(" 201 "));
  }
  /// Until all jobs are over.
  std::vector<v1::ImportJobInfo> WaitForJobs() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      const v1::ListImportJobsResponse jobs = Jobs();
      const bool over = std::all_of(jobs.jobs().begin(), jobs.jobs().end(), [](const auto& job) {
        return job.state() != "SCHEDULED" && job.state() != "RUNNING";
      });
      if (over) return {jobs.jobs().begin(), jobs.jobs().end()};
    }
    ADD_FAILURE() << "a job did not end in time";
    return {};
  }
  v1::Tenant Tenant(const std::string& context_id) {
    v1::GetTenantRequest request;
    request.set_context_id(context_id);
    v1::Tenant tenant;
    EXPECT_THAT(Call(*viewer_, &Stub::GetTenant, request, &tenant), IsOk());
    return tenant;
  }

  std::string key_;
  std::unique_ptr<Stub> viewer_, operator_;
};

TEST_F(AdminRecordsTest, WithTheDoorOffWhatThereIsIsListedAndItsAddressIsEmpty) {
  InstallWith(/*http=*/false);
  EXPECT_THAT(Storages().storages(), IsEmpty());
  EXPECT_EQ(Storages().http_url(), "");
  EXPECT_THAT(Jobs().jobs(), IsEmpty());
  EXPECT_THAT(Keys().keys(), IsEmpty());
  ASSERT_THAT(IssueApiKey(KeyFolder(), {.name = "waits", .storages = {"Acme*"}}), IsOk());
  EXPECT_EQ(Keys().http_url(), "");
  ASSERT_THAT(Keys().keys(), SizeIs(1));
  EXPECT_EQ(Keys().keys(0).name(), "waits");
  Fill(*Client("Cust"), People(), {{std::int64_t{1}, "Ada", std::int64_t{36}}}, {Lsn{10}, "first"});
  const v1::ListStoragesResponse storages = Storages();
  ASSERT_THAT(storages.storages(), SizeIs(1));
  EXPECT_EQ(storages.storages(0).data_sources(0).door(), "cycles");
}

TEST_F(AdminRecordsTest, StoragesAreListedWithTheirDataSources) {
  Begin();
  Do("POST", "/v2/storages", "{\"id\":\"Acme\",\"name\":\"Acme Holding\"}");
  Do("POST", "/storages/Acme/datasources", "{\"dataSource\":\"crm\",\"name\":\"CRM\"}");
  Fill(*Client("Cust"), People(), {{std::int64_t{1}, "Ada", std::int64_t{36}}}, {Lsn{10}, "first"});
  Do("POST", "/storages/Acme/datasources",
     "{\"dataSource\":\"sales\",\"door\":\"cycles\",\"tenant\":\"Cust\"}");
  Do("POST", "/v2/storages", "{\"name\":\"Beta\"}");
  Upsert("Acme", 3);
  const v1::ListStoragesResponse all = Storages();
  EXPECT_THAT(all.http_url(), HasSubstr("http://127.0.0.1:"));
  ASSERT_THAT(all.storages(), SizeIs(2));
  const v1::StorageInfo& acme = all.storages(0);
  EXPECT_EQ(acme.id(), "Acme");
  EXPECT_EQ(acme.name(), "Acme Holding");
  ASSERT_THAT(acme.data_sources(), SizeIs(3));
  const v1::DataSourceInfo &plain = acme.data_sources(0), &crm = acme.data_sources(1),
                           &sales = acme.data_sources(2);
  EXPECT_TRUE(plain.is_default());
  EXPECT_EQ(plain.tenant(), "Acme");
  EXPECT_EQ(plain.rows(), 3);
  EXPECT_EQ(plain.state(), "good");
  EXPECT_GT(plain.last_progress_ms(), 0);
  EXPECT_EQ(crm.id(), "crm");
  EXPECT_EQ(crm.name(), "CRM");
  EXPECT_EQ(crm.tenant(), "Acme--crm");
  EXPECT_EQ(crm.mapper(), "default");
  EXPECT_EQ(crm.door(), "records");
  EXPECT_EQ(sales.door(), "cycles");
  EXPECT_EQ(sales.tenant(), "Cust");
  EXPECT_EQ(sales.rows(), 1);
}

TEST_F(AdminRecordsTest, StoragesAreFoundAndComeInPages) {
  Begin();
  for (const char* id : {"Acme", "Acme-2", "Beta", "Gamma"})
    Do("POST", "/v2/storages", absl::StrCat("{\"name\":\"", id, "\"}"));
  Fill(*Client("Cust"), People(), {{std::int64_t{1}, "Ada", std::int64_t{36}}}, {Lsn{10}, "first"});
  v1::ListStoragesRequest request;
  request.set_with_records(true);
  EXPECT_THAT(Storages(request).storages(), SizeIs(4));
  request.set_id_pattern("aCME*");
  EXPECT_THAT(Storages(request).storages(), SizeIs(2));
  request.Clear();
  request.set_page_size(2);
  std::vector<std::string> seen;
  do {
    const v1::ListStoragesResponse page = Storages(request);
    EXPECT_LE(page.storages_size(), 2);
    for (const v1::StorageInfo& storage : page.storages()) seen.push_back(storage.id());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(seen, ElementsAre("Acme", "Acme-2", "Beta", "Cust", "Gamma"));
  request.set_id_pattern(std::string(257, 'a'));
  v1::ListStoragesResponse refused;
  EXPECT_THAT(Call(*viewer_, &Stub::ListStorages, request, &refused),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(AdminRecordsTest, ImportJobsAreListedWithWhatBecameOfThem) {
  Begin();
  Do("POST", "/v2/storages", "{\"name\":\"Acme\"}");
  Do("POST", "/v2/storages", "{\"name\":\"Beta\"}");
  Import("Acme", "CUSTOMER NUMBER;CITY\n1;Bern\n2;Chur\n;Thun\n");
  ASSERT_THAT(WaitForJobs(), SizeIs(1));
  Import("Beta", "NAME;CITY\nA;Bern\n");
  const std::vector<v1::ImportJobInfo> jobs = WaitForJobs();
  ASSERT_THAT(jobs, SizeIs(2));
  EXPECT_EQ(jobs[0].storage(), "Beta");
  EXPECT_EQ(jobs[0].state(), "COULDNT_START");
  EXPECT_THAT(jobs[0].message(), HasSubstr("external id"));
  EXPECT_EQ(jobs[1].context_id(), "Acme");
  EXPECT_EQ(jobs[1].state(), "FINISHED");
  EXPECT_EQ(jobs[1].progress(), 100U);
  EXPECT_EQ(jobs[1].inserts(), 2U);
  EXPECT_EQ(jobs[1].failed(), 1U);
  EXPECT_EQ(jobs[1].api_key(), "owner");
  EXPECT_GT(jobs[1].created_ms(), 0);
  EXPECT_GE(jobs[1].modified_ms(), jobs[1].created_ms());
  v1::ListImportJobsRequest request;
  request.set_storage("acme");
  EXPECT_THAT(Jobs(request).jobs(), SizeIs(1));
  request.Clear();
  request.add_states("DIED");
  EXPECT_THAT(Jobs(request).jobs(), IsEmpty());
  // They stay where the door is switched off.
  ASSERT_THAT(here_->Set({"http", "enabled", "false"}), IsOk());
  ASSERT_THAT(here_->Restart(), IsOk());
  viewer_ = here_->Admin(Role::kViewer).value();
  EXPECT_THAT(Jobs().jobs(), SizeIs(2));
  EXPECT_EQ(Jobs().http_url(), "");
}

TEST_F(AdminRecordsTest, KeysAreListedWithoutWhatIsSecret) {
  Begin();
  const auto other =
      IssueApiKey(KeyFolder(), {.name = "loader", .role = ApiRole::kWriter, .storages = {"Acme*", "Beta"}});
  ASSERT_THAT(other, IsOk());
  v1::ReloadKeysResponse reloaded;
  ASSERT_THAT(Call(*operator_, &Stub::ReloadKeys, v1::ReloadKeysRequest(), &reloaded), IsOk());
  Do("POST", "/v2/storages", "{\"name\":\"Acme\"}");
  const v1::ListApiKeysResponse keys = Keys();
  ASSERT_THAT(keys.keys(), SizeIs(2));
  EXPECT_EQ(keys.keys(0).name(), "loader");
  EXPECT_EQ(keys.keys(0).role(), "writer");
  EXPECT_THAT(keys.keys(0).storages(), ElementsAre("Acme*", "Beta"));
  EXPECT_THAT(keys.keys(0).issued(), SizeIs(10));
  EXPECT_EQ(keys.keys(0).last_used_ms(), 0);
  EXPECT_GT(keys.keys(1).last_used_ms(), 0);
  std::string told = keys.SerializeAsString();
  EXPECT_THAT(told, AllOf(Not(HasSubstr(*other)), Not(HasSubstr(key_))));
  const absl::StatusOr<FoundApiKeys> found = ReadApiKeys(KeyFolder());
  ASSERT_THAT(found, IsOk());
  for (const ApiKey& key : found->keys) EXPECT_THAT(told, Not(HasSubstr(key.sha256)));
}

TEST_F(AdminRecordsTest, ATenantOfRecordsIsToldAsOne) {
  Begin();
  Do("POST", "/v2/storages", "{\"name\":\"Acme\"}");
  Upsert("Acme", 5);
  const v1::Tenant tenant = Tenant("acme");
  EXPECT_EQ(tenant.door(), "records");
  EXPECT_EQ(tenant.state(), "good");
  EXPECT_EQ(tenant.rows(), 5);
  EXPECT_EQ(tenant.oldest_source_ms(), 0);
  EXPECT_GT(tenant.last_progress_ms(), 0);
  v1::ListTablesRequest of_it;
  of_it.set_context_id("Acme");
  v1::ListTablesResponse tables;
  ASSERT_THAT(Call(*viewer_, &Stub::ListTables, of_it, &tables), IsOk());
  EXPECT_EQ(tables.door(), "records");
  ASSERT_THAT(tables.tables(), SizeIs(1));
  EXPECT_EQ(tables.tables(0).row_count(), 5);
  EXPECT_EQ(tables.tables(0).source_time_ms(), 0);
  const std::vector<v1::Event> made = Events("tenant.created");
  ASSERT_THAT(made, SizeIs(1));
  EXPECT_EQ(made[0].context_id(), "Acme");
  EXPECT_THAT(made[0].message(), HasSubstr("over HTTP"));

  const Finished listed = here_->Mirrorctl({"tables", "Acme"});
  EXPECT_THAT(listed.output, Not(HasSubstr("unknown")));
  EXPECT_THAT(here_->Mirrorctl({"pause", "Acme", "--reason", "a test"}).output,
              HasSubstr("writes over HTTP are refused until"));
  EXPECT_THAT(Ask("PUT", "/v4/storages/Acme/businesspartners", "application/json",
                  "{\"businessPartners\":[{\"externalId\":\"1\"}]}"),
              AllOf(HasSubstr(" 409 "), HasSubstr("a test")));
  EXPECT_THAT(here_->Mirrorctl({"resume", "Acme"}).output, HasSubstr("writes over HTTP are accepted again"));
  EXPECT_THAT(here_->Mirrorctl({"delete", "Acme", "--confirm", "Acme"}).output,
              HasSubstr("nothing with that id can be created over HTTP until"));
}

}  // namespace
}  // namespace mirror::admin_records_test
