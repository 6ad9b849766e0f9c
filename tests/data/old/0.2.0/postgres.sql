CREATE SCHEMA "Mirror_Old";
CREATE SCHEMA mirror_control;
CREATE TABLE "Mirror_Old"."Old_mirroring" (
    table_key text NOT NULL COLLATE pg_catalog."C",
    table_name text NOT NULL,
    schema_hash text,
    lsn bigint,
    lineage bytea,
    pending_lsn bigint,
    pending_lineage bytea,
    seq bigint,
    row_count bigint,
    cycle bigint,
    state text
)
WITH (fillfactor='50');
CREATE TABLE "Mirror_Old"._mirror_state (
    kind smallint NOT NULL,
    table_key text NOT NULL COLLATE pg_catalog."C",
    number bigint NOT NULL,
    payload bytea
);
CREATE VIEW "Mirror_Old"._mirror_freshness AS
 SELECT every_table.table_name,
    to_timestamp((((every_table.source_ms)::numeric / 1000.0))::double precision) AS source_time,
    (
        CASE
            WHEN (every_table.source_ms IS NOT NULL) THEN GREATEST((0)::numeric, round((every_table.now_s - ((every_table.source_ms)::numeric / 1000.0)), 1))
            ELSE NULL::numeric
        END)::double precision AS age_seconds,
    (((every_table.target_ms)::numeric / 1000.0))::double precision AS target_seconds,
    ((every_table.target_ms IS NOT NULL) AND ((every_table.source_ms IS NULL) OR ((every_table.now_s - ((every_table.source_ms)::numeric / 1000.0)) > ((every_table.target_ms)::numeric / 1000.0)))) AS missed
   FROM ( SELECT m.table_name,
            EXTRACT(epoch FROM clock_timestamp()) AS now_s,
                CASE
                    WHEN (t.kind IS NULL) THEN ((('x'::text || encode(a.payload, 'hex'::text)))::bit(64))::bigint
                    ELSE ((('x'::text || encode(t.payload, 'hex'::text)))::bit(64))::bigint
                END AS source_ms,
            NULLIF(COALESCE(((('x'::text || encode(o.payload, 'hex'::text)))::bit(64))::bigint, ((('x'::text || encode(e.payload, 'hex'::text)))::bit(64))::bigint), 0) AS target_ms
           FROM (((("Mirror_Old"."Old_mirroring" m
             LEFT JOIN "Mirror_Old"._mirror_state t ON (((t.kind = 10) AND (t.table_key = m.table_key) AND (t.number = 0))))
             LEFT JOIN "Mirror_Old"._mirror_state a ON (((a.kind = 10) AND (a.table_key = ''::text) AND (a.number = 0))))
             LEFT JOIN "Mirror_Old"._mirror_state o ON (((o.kind = 11) AND (o.table_key = m.table_key) AND (o.number = 0))))
             LEFT JOIN "Mirror_Old"._mirror_state e ON (((e.kind = 11) AND (e.table_key = ''::text) AND (e.number = 0))))) every_table;
CREATE TABLE "Mirror_Old"._mirror_hooks (
    id bigint NOT NULL,
    hook text NOT NULL COLLATE pg_catalog."C",
    event text NOT NULL,
    cycle bigint NOT NULL,
    at_ms bigint NOT NULL,
    json text NOT NULL,
    claimed_by text,
    claimed_until bigint
);
CREATE TABLE "Mirror_Old"._mirror_receipts (
    kind smallint NOT NULL,
    table_key text NOT NULL COLLATE pg_catalog."C",
    number bigint NOT NULL,
    "offset" bigint NOT NULL,
    cycle bigint,
    data bytea
);
CREATE TABLE "Mirror_Old"._mirror_schema (
    table_key text NOT NULL COLLATE pg_catalog."C",
    definition bytea NOT NULL,
    generation bigint NOT NULL,
    kinds bytea
);
CREATE TABLE "Mirror_Old"._mirror_tenant (
    context_id text NOT NULL COLLATE pg_catalog."C",
    issuer text DEFAULT ''::text NOT NULL,
    environment text DEFAULT ''::text NOT NULL,
    source_id text DEFAULT ''::text NOT NULL,
    cycle bigint DEFAULT 0 NOT NULL,
    active boolean DEFAULT false NOT NULL,
    holder text DEFAULT ''::text NOT NULL,
    since_ms bigint DEFAULT 0 NOT NULL,
    progress_ms bigint DEFAULT 0 NOT NULL,
    completed_cycle bigint DEFAULT 0 NOT NULL,
    completed_ms bigint DEFAULT 0 NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    pause_reason text DEFAULT ''::text NOT NULL,
    clock_ms bigint DEFAULT 0 NOT NULL,
    announced text DEFAULT ''::text NOT NULL,
    touched boolean DEFAULT false NOT NULL,
    missed_cycle bigint DEFAULT 0 NOT NULL,
    missed_ms bigint DEFAULT 0 NOT NULL,
    scrub boolean DEFAULT false NOT NULL,
    source_accepted boolean DEFAULT false NOT NULL,
    layout bigint NOT NULL,
    layout_min bigint NOT NULL,
    program text NOT NULL,
    epoch bigint NOT NULL,
    state text NOT NULL,
    moved_to text,
    rev bigint DEFAULT 0 NOT NULL,
    state_rev bigint DEFAULT 0 NOT NULL,
    timeline text NOT NULL,
    self_oid oid NOT NULL,
    next_id bigint DEFAULT 1 NOT NULL
)
WITH (fillfactor='50');
CREATE TABLE "Mirror_Old".city (
    name text NOT NULL COLLATE pg_catalog."C",
    people bigint
);
CREATE TABLE "Mirror_Old".person (
    id bigint NOT NULL,
    name text,
    mixed text,
    _mirror_kinds bytea DEFAULT '\x'::bytea NOT NULL
);
CREATE TABLE mirror_control.audit (
    id bigint NOT NULL,
    time_ms bigint NOT NULL,
    who bytea NOT NULL,
    call bytea NOT NULL,
    outcome bytea NOT NULL,
    seal bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE TABLE mirror_control.audit_chain (
    one boolean NOT NULL,
    chain text NOT NULL,
    before_id bigint NOT NULL,
    before_hash bytea NOT NULL,
    CONSTRAINT audit_chain_one_check CHECK (one)
);
CREATE TABLE mirror_control.duty (
    duty text NOT NULL COLLATE pg_catalog."C",
    server_id text NOT NULL COLLATE pg_catalog."C",
    until_ms bigint NOT NULL
)
WITH (fillfactor='50');
CREATE TABLE mirror_control.event (
    id bigint NOT NULL,
    time_ms bigint NOT NULL,
    context_id text NOT NULL,
    severity bigint NOT NULL,
    kind text NOT NULL,
    message text NOT NULL
);
CREATE TABLE mirror_control.event_head (
    one boolean NOT NULL,
    id bigint NOT NULL,
    CONSTRAINT event_head_one_check CHECK (one)
)
WITH (fillfactor='50');
CREATE TABLE mirror_control.fleet (
    one boolean NOT NULL,
    layout bigint NOT NULL,
    layout_min bigint NOT NULL,
    program text NOT NULL,
    CONSTRAINT fleet_one_check CHECK (one)
);
CREATE TABLE mirror_control.hook_cursor (
    hook text NOT NULL COLLATE pg_catalog."C",
    event_id bigint NOT NULL
);
CREATE TABLE mirror_control.hook_waiting (
    context_id text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE mirror_control.looks (
    id bigint NOT NULL,
    time_ms bigint NOT NULL,
    who bytea NOT NULL,
    call bytea NOT NULL,
    outcome bytea NOT NULL
);
ALTER TABLE mirror_control.looks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mirror_control.looks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE mirror_control.server (
    server_id text NOT NULL COLLATE pg_catalog."C",
    host text NOT NULL,
    address text NOT NULL,
    admin_address text NOT NULL,
    version text NOT NULL,
    rules text NOT NULL,
    hash_key text NOT NULL,
    places text NOT NULL,
    clock_ahead_ms bigint NOT NULL,
    started_ms bigint NOT NULL,
    seen_ms bigint NOT NULL
)
WITH (fillfactor='50');
CREATE TABLE mirror_control.summary (
    context_id text NOT NULL COLLATE pg_catalog."C",
    text text NOT NULL
);
CREATE TABLE mirror_control.tenant (
    context_id text NOT NULL COLLATE pg_catalog."C",
    folded text NOT NULL COLLATE pg_catalog."C",
    place text NOT NULL,
    schema_name text NOT NULL,
    epoch bigint NOT NULL,
    state text NOT NULL,
    state_ms bigint NOT NULL,
    mark text NOT NULL
);
INSERT INTO "Mirror_Old"."Old_mirroring" VALUES ('city', 'city', '5b309fbe0ef2cf538896299a9873e1db', 1, '\x3736663263646435383263653463396639643035396133646166306638623930', NULL, NULL, 2, 2, 1795555599314, 'mirrored');
INSERT INTO "Mirror_Old"."Old_mirroring" VALUES ('person', 'person', '359058310fc2fb05b1a0a019229408d4', 1, '\x3736663263646435383263653463396639643035396133646166306638623930', NULL, NULL, 2, 3, 1795555599314, 'mirrored');
INSERT INTO "Mirror_Old"._mirror_receipts VALUES (2, 'city', 0, 0, 1795555599314, '\x01080000000000000001080000000000000002080000000000000000080000000000000000203bc535ab731e22926d00170517d602a4f8b0fd063e84caca816662251d3d31d9');
INSERT INTO "Mirror_Old"._mirror_receipts VALUES (1, '', 1, 0, 0, '\x7b2262617463686573223a322c22636f6e74656e74223a2232616538643233323162626366623134373237313037376665646666386236623433633338356535313732316565646131313435643363323564656565313264222c22636f6e746578745f6964223a224f6c64222c226379636c65223a313739353535353539393331342c2264656c65746573223a302c22696e7365727473223a322c226c696e65616765223a2233373336363633323633363436343335333833323633363533343633333936363339363433303335333936313333363436313636333036363338363233393330222c226c736e223a312c226e756d626572223a312c22706f70756c61746564223a747275652c2270726576696f7573223a22222c227461626c65223a2263697479222c2274696d655f6d73223a313739353535353539393532372c2275706461746573223a307d');
INSERT INTO "Mirror_Old"._mirror_receipts VALUES (2, 'person', 0, 0, 1795555599314, '\x0108000000000000000108000000000000000308000000000000000008000000000000000020f5e96ac97df756218e3677eb716f3954e69aa603a7afdb22c176cce12917dd25');
INSERT INTO "Mirror_Old"._mirror_receipts VALUES (1, '', 2, 0, 0, '\x7b2262617463686573223a322c22636f6e74656e74223a2234626162383530383930343233373739326162663165636666643235626462343038346530323935663263326539643561643966366530373539343133636463222c22636f6e746578745f6964223a224f6c64222c226379636c65223a313739353535353539393331342c2264656c65746573223a302c22696e7365727473223a332c226c696e65616765223a2233373336363633323633363436343335333833323633363533343633333936363339363433303335333936313333363436313636333036363338363233393330222c226c736e223a312c226e756d626572223a322c22706f70756c61746564223a747275652c2270726576696f7573223a2265373239323834343061383162353038663633373638313631323133663737653161613863653033333734626332656336643932323436323130376566666236222c227461626c65223a22706572736f6e222c2274696d655f6d73223a313739353535353539393532372c2275706461746573223a307d');
INSERT INTO "Mirror_Old"._mirror_schema VALUES ('city', '\x0a0463697479120c0a046e616d65100848015803120e0a0670656f706c65100438015803', 4, '\x');
INSERT INTO "Mirror_Old"._mirror_schema VALUES ('person', '\x0a06706572736f6e120a0a026964100448015803120c0a046e616d65100838015803120f0a056d69786564100f300138015803', 6, '\x010100056d69786564');
INSERT INTO "Mirror_Old"._mirror_state VALUES (3, '2CD93A2EDABCB36F2242B8EAC0643728', 1795555779000, NULL);
INSERT INTO "Mirror_Old"._mirror_state VALUES (1, '', 0, '\x01080000000000000002046369747900');
INSERT INTO "Mirror_Old"._mirror_state VALUES (1, '', 1, '\x0108000000000000000206706572736f6e00');
INSERT INTO "Mirror_Old"._mirror_state VALUES (12, 'city', 0, '\x01046369747900');
INSERT INTO "Mirror_Old"._mirror_state VALUES (12, 'person', 0, '\x0106706572736f6e00');
INSERT INTO "Mirror_Old"._mirror_state VALUES (10, 'city', 0, '\x000001a20f74249b');
INSERT INTO "Mirror_Old"._mirror_state VALUES (10, 'person', 0, '\x000001a20f74249d');
INSERT INTO "Mirror_Old"._mirror_state VALUES (7, 'city', 0, '\x0108000000000000000008000000000000000308000000000000000108000001a20f7425050800000000000000000463697479203736663263646435383263653463396639643035396133646166306638623930');
INSERT INTO "Mirror_Old"._mirror_state VALUES (7, 'person', 0, '\x0108000000000000000008000000000000000308000000000000000108000001a20f74250508000000000000000006706572736f6e203736663263646435383263653463396639643035396133646166306638623930');
INSERT INTO "Mirror_Old"._mirror_state VALUES (10, '', 0, '\x000001a20f742475');
INSERT INTO "Mirror_Old"._mirror_tenant VALUES ('Old', 'Development Source', 'development', 'f8efa33710569cdd5def1f7e77481492', 1795555599315, false, '', 1795555599314, 1795555599527, 1795555599314, 1795555599621, false, '', 1795555599621, '', true, 0, 0, false, false, 1, 1, '0.2.0', 1, 'serving', NULL, 4, 1289409185773467019, '00000001', 16491, 7);
INSERT INTO "Mirror_Old".city VALUES ('Bergen', 291940);
INSERT INTO "Mirror_Old".city VALUES ('Oslo', 709037);
INSERT INTO "Mirror_Old".person VALUES (1, 'Ada', '1.5', '\x02');
INSERT INTO "Mirror_Old".person VALUES (2, 'Grace', '00', '\x04');
INSERT INTO "Mirror_Old".person VALUES (3, NULL, 'x', '\x03');
INSERT INTO mirror_control.audit_chain VALUES (true, '8c9c0648eae3f0f9df4cfc703c310480', 0, '\x0d0a8e45745619348406534b6878c71671d15499e3e55d0b52159c4136aeb38a');
INSERT INTO mirror_control.event VALUES (1, 1795555599407, 'Old', 1, 'tenant.created', 'a mirror was made for issuer ''Development Source'', environment ''development''');
INSERT INTO mirror_control.event VALUES (2, 1795555599614, 'Old', 1, 'table.populating', 'table ''city'' is being populated anew: the mirror''s LSN was -1');
INSERT INTO mirror_control.event VALUES (3, 1795555599616, 'Old', 1, 'table.populating', 'table ''person'' is being populated anew: the mirror''s LSN was -1');
INSERT INTO mirror_control.event VALUES (4, 1795555599635, 'Old', 1, 'cycle.completed', 'cycle 1795555599314: 2 tables changed, 5 inserts, 0 updates, 0 deletes');
INSERT INTO mirror_control.event_head VALUES (true, 4);
INSERT INTO mirror_control.fleet VALUES (true, 1, 1, '0.2.0');
INSERT INTO mirror_control.summary VALUES ('Old', '{"completed_ms":1795555599621,"cycle":1795555599315,"environment":"development","failed_ms":0,"failing_since_ms":0,"failure":"","holds":0,"issuer":"Development Source","lsn":1,"moving":false,"oldest_source_ms":1795555599515,"pause_reason":"","paused":false,"progress_ms":1795555599621,"rows":5,"source_id":"f8efa33710569cdd5def1f7e77481492","tables":2,"tables_differing":0,"tables_refused":0,"tables_unpopulated":0,"times":{"all_ms":1795555599477,"names":["city","person"],"own":[[0,1795555599515],[1,1795555599517]]},"waiting_source":""}');
INSERT INTO mirror_control.tenant VALUES ('Old', 'old', 'p1', 'Mirror_Old', 1, 'serving', 1795555599385, '7711852564393562104/16386/00000001/d5b3ed21f26dfebd0bba430231c8d562');
SELECT pg_catalog.setval('mirror_control.looks_id_seq', 1, false);
ALTER TABLE ONLY "Mirror_Old".city
    ADD CONSTRAINT _mirror_key_3 PRIMARY KEY (name);
ALTER TABLE ONLY "Mirror_Old".person
    ADD CONSTRAINT _mirror_key_5 PRIMARY KEY (id);
ALTER TABLE ONLY "Mirror_Old"."Old_mirroring"
    ADD CONSTRAINT _mirror_own_key_1 PRIMARY KEY (table_key);
ALTER TABLE ONLY "Mirror_Old"._mirror_tenant
    ADD CONSTRAINT _mirror_own_key_2 PRIMARY KEY (context_id);
ALTER TABLE ONLY "Mirror_Old"._mirror_schema
    ADD CONSTRAINT _mirror_own_key_3 PRIMARY KEY (table_key);
ALTER TABLE ONLY "Mirror_Old"._mirror_state
    ADD CONSTRAINT _mirror_own_key_4 PRIMARY KEY (kind, table_key, number);
ALTER TABLE ONLY "Mirror_Old"._mirror_receipts
    ADD CONSTRAINT _mirror_own_key_5 PRIMARY KEY (kind, table_key, number, "offset");
ALTER TABLE ONLY "Mirror_Old"._mirror_hooks
    ADD CONSTRAINT _mirror_own_key_6 PRIMARY KEY (id);
ALTER TABLE ONLY mirror_control.audit_chain
    ADD CONSTRAINT audit_chain_pkey PRIMARY KEY (one);
ALTER TABLE ONLY mirror_control.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY mirror_control.duty
    ADD CONSTRAINT duty_pkey PRIMARY KEY (duty);
ALTER TABLE ONLY mirror_control.event_head
    ADD CONSTRAINT event_head_pkey PRIMARY KEY (one);
ALTER TABLE ONLY mirror_control.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);
ALTER TABLE ONLY mirror_control.fleet
    ADD CONSTRAINT fleet_pkey PRIMARY KEY (one);
ALTER TABLE ONLY mirror_control.hook_cursor
    ADD CONSTRAINT hook_cursor_pkey PRIMARY KEY (hook);
ALTER TABLE ONLY mirror_control.hook_waiting
    ADD CONSTRAINT hook_waiting_pkey PRIMARY KEY (context_id);
ALTER TABLE ONLY mirror_control.looks
    ADD CONSTRAINT looks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY mirror_control.server
    ADD CONSTRAINT server_pkey PRIMARY KEY (server_id);
ALTER TABLE ONLY mirror_control.summary
    ADD CONSTRAINT summary_pkey PRIMARY KEY (context_id);
ALTER TABLE ONLY mirror_control.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (folded);
CREATE INDEX event_by_context ON mirror_control.event USING btree (context_id, id);
