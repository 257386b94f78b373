"""What small JSON of a task has in common: the preset dictionary of the compression (RFC 1950 section 2.2).

Values that were sealed with it open with nothing else, so it is never changed: a better one is another way of packing.
The commonest comes last, where a reference to it is shortest.
"""

VOCABULARY = b"".join(
    (
        b'{"handoff_id":"hof_","mode":"warm","mode":"cold","from_role":"agent","to_role":"human_agent","to_sub":null,',
        b'"reason":null,"limit":null}{"invitation_id":"inv_","role":"supervisor","sub":"usr_","granted_by":"usr_",',
        b'"from_seq":}{"from":"open","to":"active","paused","resumed","closed","archived","reason":null}',
        b'{"session_id":"ses_","name":"Desktop","transport":"web","http","mcp","connection_id":null,"reason":"opened"',
        b'"ended"}{"digest":"","answer":{"status":200,"status":201,"headers":{"Content-Type":"application/json",',
        b'"Location":"/tasks/tsk_","ETag":"\\"1\\""},"body":"{\\"first\\":,\\"last\\":}"}}{"epoch":,"device_id":"dev_",',
        b'"transfer_id":"trf_"}{"call_id":"cal_","title":"","state":"proposed","state":"approved","state":"claimed",',
        b'"state":"running","state":"succeeded","attempt":0,"attempt":1,"effect":"pure","effect":"reconcilable",',
        b'"effect":"irreversible","effect":"idempotent"}{"item_id":"","version":1,"type":"document","type":"question",',
        b'"type":"output","type":"constraint","type":"fact","type":"decision","title":"","status":"settled",',
        b'"status":"open"}{"result":null,"error":null}{"arguments":{"query":"","path":"","url":"https://","id":"",',
        b'"date":"2026-","amount":,"currency":"EUR"},"tool":"","tool_call_id":"","input":{},"output":{}}{"title":"",',
        b'"body":""} please could you would like about this that there which because have been will with from your ',
        b"should between before after and the of the to the in the for the is not a an as it on be by or we you are ",
        b'was can has The This I We It If For {"draft_id":"dft_","interrupted":true,"type":"text","content":[{"type":',
        b'"text","text":"}],"role":"assistant","role":"user","message":"","name":"","ok":true,false,null}{"text":"',
    )
)
